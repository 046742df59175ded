package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// scene is some work with the store, on behalf of one twin, who also tries what
// belongs to the other. What it is told must be what it would be told if the
// other did not exist.
type scene struct {
	name string
	// system: it is not on behalf of a tenant, and is the same whoever there is.
	system bool
	play   func(*act)
}

// act is one scene being played.
type act struct {
	ctx       context.Context
	s         *store.Store
	w         *world
	me, other *twin
	told      strings.Builder
	wrong     []string
	answers   int
}

// tell notes an answer.
func (a *act) tell(what string, values ...any) {
	a.answers++
	fmt.Fprintf(&a.told, "%s:", what)
	for _, v := range values {
		a.told.WriteByte(' ')
		if err, ok := v.(error); ok {
			complaint(&a.told, err)
			continue
		}
		render(&a.told, reflect.ValueOf(v))
	}
	a.told.WriteByte('\n')
}

// must is for what can be said without having seen it before.
func (a *act) must(ok bool, format string, args ...any) {
	if !ok {
		a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
	}
}

// complaint writes an error with all its causes.
func complaint(b *strings.Builder, err error) {
	fmt.Fprintf(b, "[%v: %v", desk.KindOf(err), err)
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		fmt.Fprintf(b, ": %v", cause)
	}
	var theirs *pgconn.PgError
	if errors.As(err, &theirs) {
		fmt.Fprintf(b, ": %s %s %s", theirs.Detail, theirs.Hint, theirs.Where)
	}
	b.WriteByte(']')
}

// render writes every text and number of a value, and whose it is.
func render(b *strings.Builder, v reflect.Value) {
	if !v.IsValid() {
		b.WriteString("nil")
		return
	}
	switch value := v.Interface().(type) {
	case desk.TenantID:
		fmt.Fprintf(b, "tenant:%d", value)
		return
	case time.Time:
		b.WriteString(value.UTC().Format(time.RFC3339Nano))
		return
	case error:
		complaint(b, value)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		render(b, v.Elem())
	case reflect.Struct:
		b.WriteByte('{')
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fmt.Fprintf(b, "%s=", f.Name)
				render(b, v.Field(i))
				b.WriteByte(' ')
			}
		}
		b.WriteByte('}')
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "%q", v.Interface())
			return
		}
		b.WriteByte('[')
		for i := range v.Len() {
			render(b, v.Index(i))
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case reflect.Map:
		var lines []string
		for _, k := range v.MapKeys() {
			var line strings.Builder
			render(&line, k)
			line.WriteByte('=')
			render(&line, v.MapIndex(k))
			lines = append(lines, line.String())
		}
		slices.Sort(lines)
		fmt.Fprintf(b, "%s", lines)
	case reflect.Func, reflect.Chan:
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

// ids are those of the messages and threads that one may ask for: what both
// have, one's own, the other's, and what nobody has.
func (a *act) ids() []desk.ID {
	return append(slices.Clone(a.w.ids), a.me.message, a.other.message, a.me.closed, a.other.closed, a.me.waits, a.other.waits,
		a.w.aside, a.me.aside, a.other.aside, a.w.stranger, a.w.nobody, 1)
}

// queries ask for everything in many ways.
func (a *act) queries() (all []desk.Query) {
	callers := append(append(slices.Clone(a.me.calls), a.other.calls...), a.me.caller, a.other.caller, "1")
	for _, c := range callers {
		all = append(all, desk.Query{Caller: c, Keys: keysOf(c), Limit: 100})
	}
	for _, s := range []desk.State{desk.New, desk.Assigned, desk.Working, desk.Closed, desk.Stored, desk.Aside} {
		all = append(all, desk.Query{State: s, Limit: 100})
	}
	for _, c := range []desk.ChannelID{sharedChannel, a.me.channel, a.other.channel} {
		all = append(all, desk.Query{Channel: c, Limit: 100}, desk.Query{Channel: c, State: desk.New, Caller: callers[1], Keys: keysOf(callers[1]), Limit: 100})
	}
	return append(all, desk.Query{Limit: 100}, desk.Query{Limit: 3}, desk.Query{Limit: 0}, desk.Query{Before: a.w.ids[4], Limit: 2},
		desk.Query{Since: a.w.base.Add(-time.Minute), Limit: 100}, desk.Query{Since: a.w.base.Add(time.Minute), Limit: 100})
}

// paging makes a scene of every query, since what runs less is played again sooner.
func paging(w *world, name string, play func(*act, desk.Query)) (all []scene) {
	some := &act{w: w, me: w.twins[0], other: w.twins[1]}
	for i := range some.queries() {
		all = append(all, scene{name: fmt.Sprintf("%s, query %d", name, i), play: func(a *act) { play(a, a.queries()[i]) }})
	}
	return all
}

func pages(w *world) []scene {
	return append(paging(w, "pages of threads", func(a *act, q desk.Query) {
		all, err := a.s.Threads(a.ctx, a.me.id, q)
		a.tell("threads", all, err)
	}), paging(w, "pages of messages", func(a *act, q desk.Query) {
		all, err := a.s.Messages(a.ctx, a.me.id, q)
		a.tell("messages", all, err)
	})...)
}

func reading() []scene {
	return []scene{
		{name: "threads one by one", play: func(a *act) {
			for _, id := range a.ids() {
				th, err := a.s.Thread(a.ctx, a.me.id, id)
				a.tell("thread", th, err)
			}
		}},
		{name: "messages by their IDs", play: func(a *act) {
			for _, id := range a.ids() {
				all, err := a.s.Message(a.ctx, a.me.id, id.String())
				a.tell("message", all, err)
			}
		}},
		{name: "messages by their references", play: func(a *act) {
			for _, id := range []desk.ID{a.w.ids[0], a.me.message, a.other.message, a.me.waits, a.other.waits, a.w.aside} {
				all, err := a.s.Message(a.ctx, a.me.id, id.Reference())
				a.tell("message", all, err)
			}
		}},
		{name: "the event log", play: func(a *act) {
			for _, after := range []int64{0, 3, 100} {
				for _, limit := range []int{2, 100} {
					e, err := a.s.Events(a.ctx, a.me.id, after, limit)
					a.tell("events", e, err)
				}
			}
		}},
		{name: "lists of settings", play: func(a *act) {
			apps, err := a.s.Apps(a.ctx, a.me.id)
			a.tell("apps", apps, err)
			channels, err := a.s.Channels(a.ctx, a.me.id)
			a.tell("channels", channels, err)
		}},
	}
}

func settling() []scene {
	refuse := errors.New("the caller thinks better of it")
	return []scene{
		{name: "an app is changed", play: func(a *act) {
			for _, name := range []string{string(sharedApp), sharedName, string(a.me.app), a.me.own, string(a.other.app), a.other.own, "none"} {
				app, err := a.s.ChangeApp(a.ctx, a.me.id, name, func(x *desk.App) error {
					a.tell("given", *x)
					x.PerMinute += 100
					return nil
				})
				a.tell("app", app, err)
			}
			_, err := a.s.ChangeApp(a.ctx, a.me.id, sharedName, func(*desk.App) error { return refuse })
			a.tell("refused", err)
			_, err = a.s.ChangeApp(a.ctx, a.me.id, sharedName, func(x *desk.App) error { x.Name = a.other.own; return nil })
			a.tell("renamed", err)
		}},
		{name: "apps are added", play: func(a *act) {
			for _, x := range []desk.App{{Key: sharedApp, Name: "new"}, {Key: "k", Name: sharedName}, {Key: a.other.app, Name: a.other.own}} {
				x.Tenant, x.SecretHash, x.CreatedAt = a.me.id, []byte{1}, a.w.base
				a.tell("added", a.s.AddApp(a.ctx, x))
			}
		}},
		{name: "a channel is changed", play: func(a *act) {
			for _, name := range []string{sharedChannel.String(), sharedName, a.me.channel.String(), a.me.own, a.other.channel.String(), a.other.own, "none"} {
				c, err := a.s.ChangeChannel(a.ctx, a.me.id, name, func(x *desk.Channel) error {
					a.tell("given", *x)
					x.TextLimit++
					return nil
				})
				a.tell("channel", c, err)
			}
			_, err := a.s.ChangeChannel(a.ctx, a.me.id, sharedName, func(*desk.Channel) error { return refuse })
			a.tell("refused", err)
		}},
		{name: "channels are added", play: func(a *act) {
			for _, x := range []desk.Channel{{ID: sharedChannel, Name: "new"}, {ID: sharedChannel + 50, Name: sharedName}, {ID: a.other.channel, Name: a.other.own}} {
				x.Tenant, x.Locale, x.TextLimit, x.CreatedAt = a.me.id, "zh_CN", 4000, a.w.base
				a.tell("added", a.s.AddChannel(a.ctx, x))
			}
		}},
		{name: "keys are added", play: func(a *act) {
			for _, id := range []uint32{1, a.other.key, 50} {
				a.tell("added", a.s.AddKey(a.ctx, desk.SealKey{Tenant: a.me.id, ID: id, Secret: []byte("new"), ActiveAt: a.w.base.Add(time.Hour)}))
			}
		}},
		{name: "keys are retired", play: func(a *act) {
			for _, after := range []time.Duration{time.Minute, 2*time.Hour + 90*time.Second, 24 * time.Hour} {
				a.tell("retired", a.s.RetireKeys(a.ctx, a.me.id, a.w.base.Add(after)))
			}
		}},
		{name: "messages with keys come again", play: func(a *act) {
			mine, theirs := a.w.text(a.me, 1<<60, "1", sharedChannel), a.w.text(a.me, 1<<60+1, "1", sharedChannel)
			again, fresh, odd := a.w.keyed(a.me, sharedName, mine), a.w.keyed(a.me, a.other.own, theirs), a.w.keyed(a.me, a.me.own, mine)
			odd.Print = [16]byte{7}
			a.tell("appended", a.s.Append(a.ctx, &desk.Batch{Keyed: []*desk.Keyed{again, fresh, odd}, At: a.w.base}))
			for _, k := range []*desk.Keyed{again, fresh, odd} {
				a.tell("receipt", k.Receipt, k.Err)
			}
		}},
		{name: "receipts are forgotten", play: func(a *act) {
			for _, before := range []time.Duration{-time.Minute, time.Minute} {
				n, err := a.s.ForgetReceipts(a.ctx, a.me.id, a.w.base.Add(before))
				a.tell("forgotten", n, err)
			}
		}},
		{name: "readers take turns", play: func(a *act) {
			l := a.w.lease(a.me, sharedName)
			l.Seq = 2 // as it was made
			a.tell("advanced", a.s.Advance(a.ctx, l, 4), a.s.LetGo(a.ctx, l))
			for _, reader := range []string{sharedName, a.me.own, a.other.own, "new"} {
				for _, at := range []time.Duration{0, time.Hour} {
					l := a.w.lease(a.me, reader)
					l.Holder, l.Until = "somebody else", a.w.base.Add(2*time.Hour)
					l, err := a.s.Hold(a.ctx, l, a.w.base.Add(at))
					a.tell("held", l, err)
					a.tell("advanced", a.s.Advance(a.ctx, l, 5))
					a.tell("let go", a.s.LetGo(a.ctx, l))
				}
			}
		}},
	}
}
