package store_test

import (
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// entries makes calls and notes in a thread that both have and in one of his own.
// The first took his calls back, by numbers that the other's calls have too.
func (m maker) entries(tw *twin) {
	m.t.Helper()
	var all []desk.Event
	add := func(thread desk.ID, kind, data string) {
		e := m.w.event(tw, thread)
		e.Kind, e.Data = kind, []byte(data)
		e.At = e.At.Add(time.Duration(len(all)) * time.Second)
		all = append(all, e)
	}
	for _, thread := range []desk.ID{m.w.ids[0], tw.message} {
		add(thread, desk.CallAttempted, `{"by":"person:1","outcome":"busy","note":"`+tw.word+`"}`)
		add(thread, desk.NoteAdded, `{"by":"person:1","note":"`+tw.word+`"}`)
	}
	if tw.id == desk.DefaultTenant {
		add(m.w.ids[0], desk.ThreadUndone, `{"undone":[40,41,42,43,44,45,46,47,48]}`)
	} else {
		add(m.w.ids[0], desk.NoteAdded, `{"by":"person:1","note":"`+tw.word+`"}`)
		add(tw.message, desk.NoteAdded, `{"by":"person:1","note":"`+tw.word+`"}`)
	}
	all[0].Once, all[1].Once = m.w.once(tw, "done"), m.w.once(tw, tw.own)
	m.must(m.AppendEvents(m.t.Context(), tw.id, all...))
}

// entries walks through a list of calls or notes.
func (a *act) entries(q desk.EntryQuery) {
	for _, q.Limit = range []int{1, 100} {
		for range 20 {
			page, err := a.s.Entries(a.ctx, a.me.id, q)
			a.tell("entries", page, err)
			if page.Next == nil {
				break
			}
			q.After = *page.Next
		}
		q.After = desk.Place{}
	}
}

// once is an Idempotency-Key that both twins used, or one of his own.
func (w *world) once(tw *twin, key string) *desk.Once {
	o := &desk.Once{App: "key:1", Key: key}
	copy(o.Print[:], "the same")
	if key == tw.own {
		copy(o.Print[:], tw.word)
	}
	return o
}

func doneOnce() []scene {
	return []scene{
		{name: "what was done under a key", play: func(a *act) {
			for _, key := range []string{"done", a.me.own, a.other.own} {
				e, err := a.s.Done(a.ctx, a.me.id, *a.w.once(a.me, key))
				a.tell("done", e, err)
			}
		}},
		{name: "something is done under a key", play: func(a *act) {
			for _, key := range []string{"done", "new", a.other.own} {
				e := a.w.event(a.me, a.w.ids[0])
				e.Once = a.w.once(a.me, key)
				a.tell("appended", a.s.AppendEvents(a.ctx, a.me.id, e))
			}
		}},
	}
}
