package ui

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Feed says when a tenant's event log has grown; readers.Feed is one.
type Feed interface {
	Subscribe(tenant desk.TenantID) (wake <-chan struct{}, cancel func())
	Head(tenant desk.TenantID) int64
}

// Log is the event log, and the threads that its events are about.
type Log interface {
	Events(ctx context.Context, tenant desk.TenantID, after int64, limit int) (desk.Excerpt, error)
	ThreadsByID(ctx context.Context, tenant desk.TenantID, ids []desk.ID) ([]desk.Thread, error)
}

const (
	beat        = 15 * time.Second // a stream says something at least that often
	recheckBusy = 30 * time.Second // how often a stream's session is looked at again while there is news
	recheckIdle = 5 * time.Minute  // and while there is none, which is to cost the database nothing
	kept        = 512              // changes that a browser can come back to
	mostLooked  = 64               // threads of one reading that are shown as rows
	readEvents  = 256
	ahead       = 10000                   // events by which the node that made a page may be ahead of this one
	settle      = 1100 * time.Millisecond // after the last change: what is counted is a second old at most
	streamRest  = 50 * time.Millisecond   // between two pieces: many events, one piece
)

// events is the stream that keeps a browser's screens alive. Once it has begun
// there is no other answer: what goes wrong ends it, and the browser comes again.
func (v *visit) events() error {
	wake, cancel := v.ui.Feed.Subscribe(v.actor.Tenant)
	defer cancel()
	after := v.resume()
	s, err := web.NewStream(v.W)
	if err != nil {
		return err
	}
	s.Retry(2 * time.Second)
	s.Add("", "hello", "{}")
	l := &listener{visit: v, stream: s, after: after, settled: time.NewTimer(settle)}
	defer l.settled.Stop()
	v.ui.People.Present(&v.live)
	l.run(v.R.Context(), wake)
	return nil
}

// listener is one open stream.
type listener struct {
	*visit
	stream  *web.Stream
	after   int64       // the last event that it was told of
	counts  string      // as they were sent last
	settled *time.Timer // then the counts are looked at once more
}

func (l *listener) run(ctx context.Context, wake <-chan struct{}) {
	pulse := time.NewTicker(beat)
	defer pulse.Stop()
	checked, limit := time.Now(), recheckIdle
	for l.tell(ctx) == nil {
		select {
		case <-wake:
			if !pause(ctx, streamRest) {
				return
			}
			limit = recheckBusy
		case <-l.settled.C:
			if l.count(ctx) != nil {
				return
			}
		case <-pulse.C:
			l.stream.Add("", "beat", "{}")
			l.ui.People.Present(&l.live)
			limit = recheckIdle
		case <-l.ui.Draining:
			return
		case <-ctx.Done():
			return
		}
		if time.Since(checked) > limit {
			checked = time.Now()
			if l.recognise(true) != nil {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// resume is after which event the browser wants to go on.
func (v *visit) resume() int64 {
	for _, s := range []string{v.R.Header.Get("Last-Event-ID"), v.R.URL.Query().Get("after")} {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
			return n
		}
	}
	return v.ui.Feed.Head(v.actor.Tenant)
}

// told is one thread in the stream.
type told struct {
	ID    string      `json:"id"`
	Kinds []string    `json:"kinds"`
	Views []desk.View `json:"views"`
	Own   bool        `json:"own"` // this person did it
	HTML  string      `json:"html"`
	Text  string      `json:"text"` // the caller, for what is read out

	// by which a list can be narrowed
	Channel desk.ChannelID `json:"channel"`
	Owner   desk.PersonID  `json:"owner"`
	Outcome desk.Outcome   `json:"outcome"`
}

// tell sends what changed after the last event that was told.
func (l *listener) tell(ctx context.Context) error {
	l.now = l.ui.Now().UTC()
	changes, last, whole, err := l.ui.hub.since(ctx, l.actor.Tenant, l.after)
	if err != nil {
		return err
	}
	if !whole {
		l.stream.Add("", "reset", "{}")
	}
	if last != l.after || !whole {
		if err := l.rows(ctx, newest(changes)); err != nil {
			return err
		}
		if err := l.count(ctx); err != nil {
			return err
		}
		l.stream.Add(strconv.FormatInt(last, 10), "seen", "{}")
		l.settled.Reset(settle)
	}
	l.after = last
	return l.stream.Flush()
}

func (l *listener) rows(ctx context.Context, changes []change) error {
	names, err := l.ui.names.roll(ctx, l.actor.Tenant)
	if err != nil {
		return err
	}
	for i := range changes {
		c := &changes[i]
		if !l.actor.Sees(c.thread.Channel) {
			continue
		}
		f, err := l.face(&c.thread, c.faces, names)
		if err != nil {
			return err
		}
		b, err := json.Marshal(told{
			ID: c.thread.ID.String(), Kinds: c.kinds, Views: l.viewsOf(&c.thread), Own: c.by == l.actor.Who(), HTML: f.html, Text: f.caller,
			Channel: c.thread.Channel, Owner: c.thread.Owner, Outcome: c.thread.Outcome,
		})
		if err != nil {
			return err
		}
		l.stream.Add("", "thread", string(b))
	}
	return nil
}

// count sends the counts when they are others. They may be a second old, so they
// are looked at once more when it has become quiet.
func (l *listener) count(ctx context.Context) error {
	counts, err := l.ui.Desk.Counts(ctx, l.actor)
	if err != nil {
		return err
	}
	kept, err := l.ui.Desk.KeptLately(ctx, l.actor)
	if err != nil {
		return err
	}
	links, err := l.savedLinks(kept, nil, true)
	if err != nil {
		return err
	}
	for i := range links {
		if links[i].N >= 0 {
			counts[desk.View("filter."+links[i].ID)] = links[i].N
		}
	}
	b, err := json.Marshal(counts)
	if err == nil && string(b) != l.counts {
		l.counts = string(b)
		l.stream.Add("", "counts", l.counts)
	}
	return err
}

// newest keeps the last change of each thread.
func newest(changes []change) []change {
	last := map[desk.ID]int64{}
	for i := range changes {
		last[changes[i].thread.ID] = changes[i].seq
	}
	return slices.DeleteFunc(changes, func(c change) bool { return last[c.thread.ID] != c.seq })
}
