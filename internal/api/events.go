package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
	"github.com/afterbeep/afterbeep/internal/web"
)

// EventPage is a stretch of the tenant's event log, in order.
type EventPage struct {
	Events  []Event  `json:"events" nullable:"false"`
	Last    string   `json:"last" doc:"Where the stretch ends: the after of the next request" example:"42"`
	Next    string   `json:"next" doc:"The address of what comes after it, which may be nothing yet" example:"/v1/events?after=42"`
	Damaged []string `json:"damaged,omitempty" nullable:"false" doc:"Events that are not what was written, and are not shown"`
}

type eventsIn struct {
	After string `query:"after" pattern:"^[0-9]{1,19}$" default:"0" doc:"Only what came after this event"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type streamIn struct {
	Last  string `header:"Last-Event-ID" pattern:"^[0-9]{1,19}$" doc:"Go on after this event; browsers' and most libraries' streams send it by themselves"`
	After string `query:"after" pattern:"^[0-9]{1,19}$" doc:"The same, for those who cannot set a header; without both, from now on"`
}

func (s *Surface) events() {
	openapi.Add(s.Door, openapi.Operation{
		ID: "list-events", Method: http.MethodGet, Path: "/events", May: desk.ThreadsSee, Group: "Events",
		Title: "Read the event log", Text: "Events are numbered without gaps. Keep `last`, and ask again with it: nothing is ever missed or seen twice.",
		Example: openapi.Example{Path: "/events?after=0&limit=50"},
	}, s.listEvents)
	openapi.Add(s.Door, openapi.Operation{
		ID: "stream-events", Method: http.MethodGet, Path: "/events/stream", May: desk.ThreadsSee, Group: "Events",
		Title: "Follow the event log", Text: "Server-Sent Events: `event` is the kind, `id` the number, `data` the event as in the list. " +
			"`beat` comes every 15 seconds. The stream ends when the server stops; connect again with Last-Event-ID.",
		Example: openapi.Example{Path: "/events/stream?after=0"},
	}, s.stream)
	s.Streams("/events/stream", map[string]string{"text/event-stream": "Events, one after the other"})
}

func seq(n int64) string { return strconv.FormatInt(n, 10) }

func seqs(all []int64) (texts []string) {
	for _, n := range all {
		texts = append(texts, seq(n))
	}
	return texts
}

// ahead is by how many events another node may be ahead of this one.
const ahead = 10000

// position reads the number of an event. One that is far from here belongs to
// another history, such as that before a backup was restored: whoever waited for
// it would wait for long.
func (s *Surface) position(a *desk.Actor, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, desk.Errorf(desk.Invalid, "after", "after is the number of an event")
	case n > s.Feed.Head(a.Tenant)+ahead:
		return 0, desk.Errorf(desk.Conflict, "history", "there has been no such event: the log is another one than it was; begin again at 0")
	}
	return n, nil
}

func (s *Surface) listEvents(ctx context.Context, a *desk.Actor, in *eventsIn) (*answer[EventPage], error) {
	after, err := s.position(a, in.After)
	if err != nil {
		return nil, err
	}
	x, err := s.Log.Events(ctx, a.Tenant, after, in.Limit)
	if err != nil {
		return nil, err
	}
	last := max(after, x.Last)
	page := EventPage{Events: each(x.Events, eventOf), Last: seq(last), Damaged: seqs(x.Damaged)}
	page.Next = openapi.Next(ctx, "after", page.Last)
	return &answer[EventPage]{Body: page}, nil
}

// recheck is how often a stream's key is looked at again.
const recheck = 30 * time.Second

func (s *Surface) stream(ctx context.Context, a *desk.Actor, in *streamIn) (*openapi.Streamed, error) {
	after := s.Feed.Head(a.Tenant)
	for _, text := range []string{in.Last, in.After} {
		if text == "" {
			continue
		}
		n, err := s.position(a, text)
		if err != nil {
			return nil, err
		}
		after = n
		break
	}
	return openapi.Stream(ctx, func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			return nil
		}
		return s.follow(ctx, w, after)
	}), nil
}

// follow sends what comes after an event until somebody ends it: the program, the
// server, or whoever disables the key.
func (s *Surface) follow(ctx context.Context, w http.ResponseWriter, after int64) error {
	c := openapi.Of(ctx)
	wake, cancel := s.Feed.Subscribe(c.Actor.Tenant)
	defer cancel()
	out, err := web.NewStream(w)
	if err != nil {
		return err
	}
	out.Retry(2 * time.Second)
	pulse := time.NewTicker(s.Beat)
	defer pulse.Stop()
	checked := s.Now()
	for {
		if after, err = s.tell(ctx, out, after); err != nil {
			return nil //nolint:nilerr // the stream has begun: its end is all that can be said
		}
		select {
		case <-wake:
		case <-pulse.C:
			out.Add("", "beat", "{}")
		case <-s.Draining:
			return nil
		case <-ctx.Done():
			return nil
		}
		if s.Now().Sub(checked) > recheck {
			checked = s.Now()
			if _, err := s.Keys.Check(ctx, c.Key, c.Actor.Address); err != nil {
				return nil //nolint:nilerr // likewise
			}
		}
	}
}

// atOnce is how many events are read at a time.
const atOnce = 256

// tell sends what there is after an event, and says up to which.
func (s *Surface) tell(ctx context.Context, out *web.Stream, after int64) (int64, error) {
	for {
		x, err := s.Log.Events(ctx, openapi.Of(ctx).Actor.Tenant, after, atOnce)
		if err != nil {
			return after, err
		}
		for i := range x.Events {
			b, err := json.Marshal(eventOf(&x.Events[i]))
			if err != nil {
				return after, err
			}
			out.Add(seq(x.Events[i].Seq), x.Events[i].Kind, string(b))
		}
		if err := out.Flush(); err != nil {
			return after, err
		}
		if x.Last == 0 {
			return after, nil
		}
		after = x.Last
		if len(x.Events)+len(x.Damaged) < atOnce {
			return after, nil
		}
	}
}
