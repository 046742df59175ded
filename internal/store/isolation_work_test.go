package store_test

import (
	"context"
	"maps"
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// slice plays a transaction of sorting.
func (a *act) slice(do func(*store.Slice) error) {
	a.tell("slice", a.s.Slice(a.ctx, []desk.TenantID{a.me.id}, do))
}

// thread is a new thread of mine.
func (a *act) thread(id desk.ID, key string, c desk.ChannelID) *desk.Thread {
	return &desk.Thread{
		Tenant: a.me.id, ID: id, Channel: c, Caller: "9", CallerKey: key, State: desk.New, Messages: 1,
		FirstAt: a.w.base, LastAt: a.w.base, Reason: "new of " + a.me.word,
	}
}

// callers are looked for one by one, and four at once: those whose thread has the
// same ID for both twins, or not, or is closed; and those of one twin alone.
func (a *act) callers() (all [][]desk.Caller) {
	var four []desk.Caller
	for _, c := range a.me.calls {
		four = append(four, desk.Caller{Channel: sharedChannel, Key: keysOf(c)[0]})
	}
	all = append(all, four)
	for _, c := range append(four, desk.Caller{Channel: a.me.channel, Key: keysOf(a.me.caller)[0]}, desk.Caller{Channel: a.other.channel, Key: keysOf(a.other.caller)[0]}) {
		all = append(all, []desk.Caller{c})
	}
	return all
}

func sortingScenes() []scene {
	return []scene{
		{name: "a thread is changed", play: func(a *act) {
			for _, id := range []desk.ID{a.w.ids[0], a.w.ids[2], a.me.message} {
				th, err := a.s.Thread(a.ctx, a.me.id, id)
				th.State, th.Reason = desk.Waiting, "changed"
				if err == nil {
					th, err = a.s.ChangeThread(a.ctx, th, a.w.event(a.me, id))
				}
				a.tell("changed", th, err)
			}
			for _, id := range []desk.ID{a.w.ids[0], a.other.message} { // of an old version, and of the other's
				th := a.thread(id, "k", sharedChannel)
				th.Version = 1
				changed, err := a.s.ChangeThread(a.ctx, *th, a.w.event(a.me, id))
				a.tell("changed", changed, err)
			}
		}},
		{name: "the threads of callers are looked for", play: func(a *act) {
			a.slice(func(sl *store.Slice) error {
				for _, some := range a.callers() {
					found, err := sl.Newest(a.ctx, a.me.id, some)
					a.tell("newest", found, err)
				}
				return nil
			})
		}},
		{name: "threads and messages are placed", play: func(a *act) {
			a.slice(func(sl *store.Slice) error {
				// The second caller's thread has the same version for both.
				known, err := sl.Newest(a.ctx, a.me.id, []desk.Caller{{Channel: sharedChannel, Key: keysOf(a.me.calls[1])[0]}})
				var threads []*desk.Thread
				for _, th := range known {
					th.Messages, th.Excerpt = th.Messages+1, "placed"
					threads = append(threads, &th)
				}
				threads = append(threads, a.thread(a.other.message, "9", sharedChannel))
				a.tell("put", err, sl.Put(a.ctx, a.me.id, threads))
				m := a.w.text(a.me, a.other.message, "9", sharedChannel)
				m.Thread = m.ID
				a.tell("inserted", sl.Insert(a.ctx, a.me.id, []desk.Message{m}))
				return nil
			})
		}},
		{name: "events are appended", play: func(a *act) {
			a.slice(func(sl *store.Slice) error {
				events := []desk.Event{a.w.event(a.me, 1), a.w.event(a.me, a.other.message)}
				err := sl.Append(a.ctx, a.me.id, events)
				a.tell("appended", events, err)
				return err
			})
		}},
		{name: "what is tried is set aside", play: func(a *act) {
			a.slice(func(sl *store.Slice) error {
				a.tell("tried", sl.Try(a.ctx, func() error {
					m := a.w.text(a.me, a.w.ids[0], "9", sharedChannel)
					return sl.Insert(a.ctx, a.me.id, []desk.Message{m}) // it is there already
				}))
				m := a.w.text(a.me, a.other.aside, "9", sharedChannel)
				a.tell("set aside", sl.SetAside(a.ctx, a.me.id, row(m), "because"))
				return nil
			})
		}},
		{name: "journal rows are taken", play: func(a *act) {
			a.slice(func(sl *store.Slice) error {
				mine, err := sl.Take(a.ctx, []desk.Row{{First: a.me.waits}, {First: a.w.ids[0]}})
				a.tell("taken", mine, err)
				return err
			})
		}},
	}
}

// sections are what there is to carry of one twin.
func (a *act) sections() (all []store.Section) {
	for _, t := range store.Carried() {
		if !t.Shared {
			all = append(all, store.Section{Table: t, Tenant: a.me.id})
		}
	}
	return all
}

// each plays a scene for every section.
func (a *act) each(do func(store.Section)) {
	for _, at := range a.sections() {
		do(at)
	}
}

func carrying() []scene {
	return []scene{
		{name: "everything is read to be carried", play: func(a *act) {
			a.tell("still", a.s.Still(a.ctx, func(f *store.Still) error {
				a.each(func(at store.Section) {
					n, err := f.Count(a.ctx, at)
					a.tell(at.Table.Name, n, err)
					at.Table.Page = 2
					a.tell("each", f.Each(a.ctx, at, nil, func(page []store.Values) error {
						a.tell("page", page)
						return nil
					}))
					sum, err := f.Sum(a.ctx, at, func(int) {})
					a.tell("sum", sum, sum.Hash(), err)
				})
				return nil
			}))
			a.each(func(at store.Section) {
				last, err := a.s.Reached(a.ctx, at)
				a.tell("reached", last, err)
			})
		}},
		{name: "everything is written again", play: func(a *act) {
			a.each(func(at store.Section) {
				a.tell(at.Table.Name, a.s.Put(a.ctx, at, a.rows(at)))
			})
		}},
		{name: "everything is emptied", play: func(a *act) {
			a.each(func(at store.Section) {
				a.tell(at.Table.Name, a.s.Clear(a.ctx, at), len(a.rows(at)))
			})
		}},
	}
}

// rows are all rows of a section, changed a little.
func (a *act) rows(at store.Section) (all []store.Values) {
	a.tell("read", a.s.Still(a.ctx, func(f *store.Still) error {
		return f.Each(a.ctx, at, nil, func(page []store.Values) error {
			for _, values := range page {
				for i, v := range values {
					if n, ok := v.(int64); ok && (i >= at.Table.Key || at.Table.Appended) {
						values[i] = n + 100 // also in the key, where a row that is there stays
					}
				}
				all = append(all, values)
			}
			return nil
		})
	}))
	return all
}

// careless is the worst index that keeps its promise: it gives every message
// that it ever heard of, whoever's it is.
type careless struct {
	store.Index // what it is not asked for here
	a           *act
	covered     int64
	lost        bool
	one         bool // one message at a time
}

func (x careless) Covered(context.Context, desk.TenantID) (int64, []byte, error) {
	return x.covered, nil, nil
}

func (x careless) Find(_ context.Context, _ desk.TenantID, want store.Want) (ids []desk.ID, floor desk.ID, err error) {
	if x.lost {
		return nil, 0, desk.Errorf(desk.Unstored, store.IndexLost, "the index is lost")
	}
	for _, id := range append(slices.Clone(x.a.w.ids), x.a.me.message, x.a.other.message) {
		if id >= want.Since && id < want.Before {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	if x.one && len(ids) > 0 {
		return ids[:1], ids[0], nil
	}
	return ids, want.Since, nil
}

// Add tells what it is given.
func (x careless) Add(_ context.Context, _ desk.Lease, all []store.Entry, to int64, mark []byte) error {
	for i := range all {
		slices.Sort(all[i].Tokens)
	}
	x.a.tell("entries", all, to, mark)
	return nil
}

func (careless) Forget(context.Context, desk.Lease) error { return nil }
func (x careless) Lost() bool                             { return x.lost }

func searching(engine string) []scene {
	indexes := map[string]func(*act) store.Index{
		"an index that covers nothing": func(a *act) store.Index { return careless{a: a} },
		"an index that gives it all":   func(a *act) store.Index { return careless{a: a, covered: 5} },
		"an index that gives one":      func(a *act) store.Index { return careless{a: a, covered: 5, one: true} },
		"a lost index":                 func(a *act) store.Index { return careless{a: a, covered: 5, lost: true} },
	}
	if engine != "sqlite" {
		indexes["the index in a table"] = func(a *act) store.Index { return a.s.TableIndex(store.SliceBits) }
	}
	var all []scene
	for _, name := range slices.Sorted(maps.Keys(indexes)) {
		index := indexes[name]
		for _, text := range []string{sharedWord, "1111", "own word", "other's word"} {
			all = append(all, scene{name: "searching for " + text + " with " + name, play: func(a *act) { a.search(index(a), text) }})
		}
		all = append(all, scene{name: "taking in with " + name, play: func(a *act) { a.take(index(a)) }})
	}
	return all
}

func (a *act) search(index store.Index, text string) {
	f, caller := store.Finder{Store: a.s, Index: index}, a.me.calls[0]
	switch text {
	case "own word":
		text = a.me.word
	case "other's word":
		text = a.other.word
	}
	for _, q := range []desk.Query{
		{},
		{Before: a.w.ids[6] + 1},
		{Before: a.w.ids[12]},
		{State: desk.New},
		{State: desk.Stored},
		{State: desk.Aside},
		{Channel: a.other.channel},
		{Channel: sharedChannel},
		{Caller: caller, Keys: keysOf(caller), Channel: sharedChannel},
		{Before: a.w.ids[6] + 1, Caller: a.me.caller, Keys: keysOf(a.me.caller)},
		{Caller: caller, Keys: keysOf(caller)},
	} {
		q.Text, q.Limit = text, 100
		page, err := f.Messages(a.ctx, a.me.id, q)
		a.tell("found", page, err)
	}
	for _, q := range []desk.Query{{}, {State: desk.New}, {State: desk.Working}, {State: desk.Assigned}, {State: desk.Waiting}, {State: desk.Closed}, {Before: a.w.ids[6] + 1}} {
		q.Text, q.Limit = text, 100
		page, next, err := f.Threaded(a.ctx, a.me.id, q)
		a.tell("found in threads", page, next, err)
	}
}

func (a *act) take(index store.Index) {
	f := store.Finder{Store: a.s, Index: index}
	l, err := a.s.Hold(a.ctx, a.w.lease(a.me, store.SearchReader), a.w.base)
	a.tell("held", l, err)
	l.Seq, err = f.Stand(a.ctx, l)
	a.tell("stands", l.Seq, err)
	e, err := a.s.Events(a.ctx, a.me.id, l.Seq, 100)
	a.tell("events", e, err)
	a.tell("taken", f.Take(a.ctx, l, e))
	page, err := f.Messages(a.ctx, a.me.id, desk.Query{Text: sharedWord, Limit: 100})
	a.tell("found", page, err)
	a.tell("forgotten", f.Index.Forget(a.ctx, l))
}
