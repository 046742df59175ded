package api

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/sheet"
	"github.com/afterbeep/afterbeep/internal/web"
)

// answer is an answer with a body and, perhaps, a version.
type answer[T any] struct {
	ETag string `header:"ETag" doc:"The version, for If-Match"`
	Body T
}

// Message is a message that was left.
type Message struct {
	ID         string   `json:"id" doc:"A number as a string: it exceeds 2^53" example:"311487412345839616"`
	Reference  string   `json:"reference" doc:"The short name that a customer can read out" example:"7K3Q-9F2M"`
	ReceivedAt string   `json:"received_at" format:"date-time" doc:"RFC 3339, UTC, with microseconds" example:"2026-11-23T09:30:00.000000Z"`
	Channel    string   `json:"channel" doc:"The channel's Configuration ID" example:"202611230000000001"`
	CallID     string   `json:"call_id" example:"1611298765-12345"`
	Caller     string   `json:"caller" doc:"As it was sent; masked without the scope numbers.see" example:"138****7777"`
	UserID     string   `json:"user_id,omitempty"`
	UserName   string   `json:"user_name,omitempty"`
	Locale     string   `json:"locale,omitempty" example:"zh_CN"`
	Text       string   `json:"text" doc:"Byte for byte as it was left"`
	Thread     string   `json:"thread,omitempty" doc:"Absent until it is sorted, a moment after it was left"`
	State      string   `json:"state" doc:"The thread's, or stored or aside" enum:"new,assigned,working,waiting,closed,stored,aside"`
	Also       []string `json:"also,omitempty" nullable:"false" doc:"Other messages with this reference, months apart"`
}

// Thread is all messages of one caller in one channel that are handled together.
type Thread struct {
	ID         string `json:"id" example:"311487412345839616"`
	Version    int64  `json:"version" doc:"Every change raises it; the ETag" example:"3"`
	Channel    string `json:"channel" example:"202611230000000001"`
	Caller     string `json:"caller" doc:"Masked without the scope numbers.see" example:"138****7777"`
	State      string `json:"state" enum:"new,assigned,working,waiting,closed"`
	Messages   int    `json:"messages" doc:"How many there are"`
	Excerpt    string `json:"excerpt" doc:"How the newest message begins"`
	Owner      string `json:"owner,omitempty" doc:"Whose it is; absent when it is nobody's" example:"2"`
	FirstAt    string `json:"first_at" format:"date-time"`
	LastAt     string `json:"last_at" format:"date-time"`
	ClaimUntil string `json:"claim_until,omitempty" format:"date-time" doc:"Somebody is at it until then"`
	WakeAt     string `json:"wake_at,omitempty" format:"date-time" doc:"It waits until then"`
	DueAt      string `json:"due_at,omitempty" format:"date-time" doc:"Somebody should call by then"`
	ClosedAt   string `json:"closed_at,omitempty" format:"date-time"`
	Reason     string `json:"reason,omitempty" doc:"Why it was closed"`
	Attempts   int    `json:"attempts" doc:"Calls so far"`
	Outcome    string `json:"outcome,omitempty" doc:"Of the last call" enum:"reached,no_answer,busy,wrong_number,voicemail,again"`
	Previous   string `json:"previous,omitempty" doc:"The caller's thread before this one"`
}

// Event is one thing that happened to a thread.
type Event struct {
	ID     string         `json:"id" doc:"Its number in the tenant's log, which has no gaps; the cursor" example:"42"`
	Thread string         `json:"thread" example:"311487412345839616"`
	Kind   string         `json:"kind" example:"thread.claimed"`
	Actor  string         `json:"actor,omitempty" doc:"Who did it; absent when Afterbeep itself did" example:"Ann"`
	At     string         `json:"at" format:"date-time"`
	Data   map[string]any `json:"data" doc:"What belongs to the kind; was holds what a change replaced"`
}

func stamp(t time.Time) string { return sheet.Stamp(t) }

// ident is an ID as a string, "" when there is none.
func ident[T interface {
	comparable
	String() string
}](id T) string {
	var none T
	if id == none {
		return ""
	}
	return id.String()
}

// number is a caller as the actor may see it.
func number(a *desk.Actor, caller string) string {
	if a.May(desk.NumbersSee) {
		return caller
	}
	return web.Mask(caller)
}

// each says of all rows what say says of one; of none, that is an empty list.
func each[Row, Said any](all []Row, say func(*Row) Said) []Said {
	out := make([]Said, len(all))
	for i := range all {
		out[i] = say(&all[i])
	}
	return out
}

// eachFor is each, as the actor may see them.
func eachFor[Row, Said any](a *desk.Actor, all []Row, say func(*desk.Actor, *Row) Said) []Said {
	return each(all, func(one *Row) Said { return say(a, one) })
}

func messageOf(a *desk.Actor, m *desk.Listed) Message {
	return Message{
		ID: m.ID.String(), Reference: m.Reference(), ReceivedAt: stamp(m.ReceivedAt), Channel: m.Channel.String(),
		CallID: m.CallID, Caller: number(a, m.Caller), UserID: m.UserID, UserName: m.UserName, Locale: m.Locale,
		Text: m.Text, Thread: ident(m.Thread), State: string(m.State),
	}
}

func threadOf(a *desk.Actor, th *desk.Thread) Thread {
	return Thread{
		ID: th.ID.String(), Version: th.Version, Channel: th.Channel.String(), Caller: number(a, th.Caller), State: string(th.State),
		Messages: th.Messages, Excerpt: th.Excerpt, Owner: ident(th.Owner), FirstAt: stamp(th.FirstAt), LastAt: stamp(th.LastAt),
		ClaimUntil: stamp(th.ClaimUntil), WakeAt: stamp(th.WakeAt), DueAt: stamp(th.DueAt), ClosedAt: stamp(th.ClosedAt),
		Reason: th.Reason, Attempts: th.Attempts, Outcome: string(th.Outcome), Previous: ident(th.Previous),
	}
}

func eventOf(e *desk.Event) Event {
	data := map[string]any{}
	_ = json.Unmarshal(e.Data, &data) // it was checked against its hash; what is no object is left out
	return Event{ID: seq(e.Seq), Thread: e.Thread.String(), Kind: e.Kind, Actor: e.Actor, At: stamp(e.At), Data: data}
}

// damage names rows that are not what was written. They are never shown; the
// others are.
type damage interface{ Damage() []desk.ID }

// shownFor is how long one row of the audit log covers what a key reads.
const shownFor = 15 * time.Minute

// shown remembers which numbers a key was shown lately.
type shown struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// mostShown bounds what is remembered; forgetting costs another row.
const mostShown = 10000

func (s *shown) due(what string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.last[what]; ok && now.Sub(at) < shownFor {
		return false
	}
	if s.last == nil || len(s.last) >= mostShown {
		s.last = map[string]time.Time{}
	}
	s.last[what] = now
	return true
}

func (s *shown) forget(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, what)
}

// masked is the actor without the right to see numbers.
func masked(a *desk.Actor) *desk.Actor {
	less := *a
	less.Scopes = slices.DeleteFunc(slices.Clone(a.Scopes), func(scope string) bool { return scope == string(desk.NumbersSee) })
	return &less
}

// show writes down that the actor will see whole numbers, once for each object in
// a quarter of an hour: before they are answered, so that nothing is seen
// unwritten, and of what is there alone.
func (s *Surface) show(ctx context.Context, a *desk.Actor, object string) error {
	what := strconv.FormatInt(int64(a.Tenant), 10) + "/" + a.Who() + "/" + object
	if !a.May(desk.NumbersSee) || !s.shown.due(what, s.Now()) {
		return nil
	}
	err := s.note(ctx, a, people.Done{Action: desk.NumberShown, Object: object})
	if err != nil {
		s.shown.forget(what)
	}
	return err
}
