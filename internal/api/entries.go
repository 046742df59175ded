package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/openapi"
)

// Entry is what calls and notes have in common. It is exported for the library,
// which reads fields.
type Entry struct {
	ID      string `json:"id" doc:"The number of its event" example:"42"`
	Thread  string `json:"thread" example:"311487412345839616"`
	Channel string `json:"channel" doc:"The thread's" example:"202611230000000001"`
	Caller  string `json:"caller" doc:"The thread's; masked without the scope numbers.see" example:"138****7777"`
	At      string `json:"at" format:"date-time"`
	Person  string `json:"person,omitempty" doc:"Who did it; absent when it was a key for nobody" example:"2"`
	Actor   string `json:"actor" doc:"Her name then, or the key's" example:"Ann"`
	Note    string `json:"note,omitempty"`
}

// CallMade is an attempt to reach a caller.
type CallMade struct {
	Entry
	Outcome string `json:"outcome" enum:"reached,no_answer,busy,wrong_number,voicemail,again"`
	Again   string `json:"again,omitempty" format:"date-time" doc:"The thread was put off until then"`
	Undone  bool   `json:"undone,omitempty" doc:"It was taken back since, and counts for nothing"`
}

// NoteMade is a note on a thread.
type NoteMade struct{ Entry }

// CallPage is a page of calls, the newest first.
type CallPage struct {
	Calls   []CallMade `json:"calls" nullable:"false"`
	Next    string     `json:"next,omitempty" doc:"The address of the next page; absent on the last. A page that is short need not be the last"`
	Damaged []string   `json:"damaged,omitempty" nullable:"false" doc:"Events that are not what was written, and are not shown"`
}

// NotePage is a page of notes, the newest first.
type NotePage struct {
	Notes   []NoteMade `json:"notes" nullable:"false"`
	Next    string     `json:"next,omitempty" doc:"The address of the next page; absent on the last. A page that is short need not be the last"`
	Damaged []string   `json:"damaged,omitempty" nullable:"false" doc:"Events that are not what was written, and are not shown"`
}

// Made narrows lists of calls and notes. It is exported for the library.
type Made struct {
	Since   string `query:"since" format:"date-time" doc:"Only from then on"`
	Until   string `query:"until" format:"date-time" doc:"Only before then"`
	Person  string `query:"person" pattern:"^[0-9]{1,19}$" doc:"Only this person's"`
	Channel string `query:"channel" pattern:"^[0-9]{18}$" doc:"Only of this channel"`
}

// CallFilter narrows lists of calls. It is exported for the library, too.
type CallFilter struct {
	Made
	Outcome string `query:"outcome" enum:"reached,no_answer,busy,wrong_number,voicemail,again" doc:"Only with this outcome"`
}

type (
	callsIn struct {
		CallFilter
		Page
	}
	notesIn struct {
		Made
		Page
	}
	threadEntriesIn struct {
		ThreadPath
		Page
	}
)

func (s *Surface) entries() {
	op := func(id, path, title, text, query string) openapi.Operation {
		return openapi.Operation{
			ID: id, Method: http.MethodGet, Path: path, May: desk.ThreadsSee, Group: "Calls and notes",
			Title: title, Text: text, Example: openapi.Example{Path: path + query},
		}
	}
	openapi.Add(s.Door, op("list-calls", "/calls", "List calls", "Of all threads, the newest first. For what is new since last time, follow the events instead.",
		"?since=2026-11-01T00:00:00Z&outcome=no_answer"), s.listCalls)
	openapi.Add(s.Door, op("list-notes", "/notes", "List notes", "Of all threads, the newest first.", "?limit=20"), s.listNotes)
	openapi.Add(s.Door, op("list-thread-calls", "/threads/{thread}/calls", "List a thread's calls", "", ""), s.threadCalls)
	openapi.Add(s.Door, op("list-thread-notes", "/threads/{thread}/notes", "List a thread's notes", "", ""), s.threadNotes)
}

func entryOf(a *desk.Actor, e *desk.Entry) Entry {
	out := Entry{
		ID: seq(e.Seq), Thread: e.Thread.String(), Channel: e.Channel.String(), Caller: number(a, e.Caller),
		At: stamp(e.At), Actor: e.Actor, Note: e.Said.Note,
	}
	out.Person, _ = strings.CutPrefix(e.Said.By, "person:")
	if out.Person == e.Said.By {
		out.Person = ""
	}
	return out
}

func callOf(a *desk.Actor, e *desk.Entry) CallMade {
	return CallMade{Entry: entryOf(a, e), Outcome: string(e.Said.Outcome), Again: stamp(e.Said.Until), Undone: e.Undone}
}

func noteOf(a *desk.Actor, e *desk.Entry) NoteMade { return NoteMade{entryOf(a, e)} }

// made reads a filter in the words of the domain.
func (s *Surface) made(ctx context.Context, a *desk.Actor, kind string, f *CallFilter) (q handling.EntryQuery, err error) {
	q = handling.EntryQuery{Kind: kind, Outcome: desk.Outcome(f.Outcome)}
	if q.Since, err = when(f.Since, "since"); err != nil {
		return q, err
	}
	if q.Until, err = when(f.Until, "until"); err != nil {
		return q, err
	}
	if f.Channel != "" {
		if q.Channel, err = s.channelID(ctx, a, f.Channel); err != nil {
			return q, err
		}
	}
	if f.Person != "" {
		err = q.Person.UnmarshalText([]byte(f.Person))
	}
	return q, err
}

// objects is what the audit log calls them.
var objects = map[string]string{desk.CallAttempted: "calls", desk.NoteAdded: "notes"}

// listed is a page of calls or notes, and where the next one is. That numbers were
// shown is written down first.
func (s *Surface) listed(ctx context.Context, a *desk.Actor, q handling.EntryQuery, p Page) (e handling.EntryPage, following string, err error) {
	object := objects[q.Kind]
	if q.Thread != 0 {
		object = "thread:" + q.Thread.String()
	}
	q.Before, q.Limit = p.Cursor, p.Limit
	if e, err = s.Desk.Entries(ctx, *a, q); err != nil {
		return e, "", err
	}
	if e.Next != "" {
		following = next(ctx, e.Next)
	}
	return e, following, s.show(ctx, a, object)
}

func (s *Surface) calls(ctx context.Context, a *desk.Actor, q handling.EntryQuery, p Page) (*answer[CallPage], error) {
	found, following, err := s.listed(ctx, a, q, p)
	if err != nil {
		return nil, err
	}
	return &answer[CallPage]{Body: CallPage{Calls: eachFor(a, found.Entries, callOf), Next: following, Damaged: seqs(found.Damaged)}}, nil
}

func (s *Surface) notes(ctx context.Context, a *desk.Actor, q handling.EntryQuery, p Page) (*answer[NotePage], error) {
	found, following, err := s.listed(ctx, a, q, p)
	if err != nil {
		return nil, err
	}
	return &answer[NotePage]{Body: NotePage{Notes: eachFor(a, found.Entries, noteOf), Next: following, Damaged: seqs(found.Damaged)}}, nil
}

func (s *Surface) listCalls(ctx context.Context, a *desk.Actor, in *callsIn) (*answer[CallPage], error) {
	q, err := s.made(ctx, a, desk.CallAttempted, &in.CallFilter)
	if err != nil {
		return nil, err
	}
	return s.calls(ctx, a, q, in.Page)
}

func (s *Surface) listNotes(ctx context.Context, a *desk.Actor, in *notesIn) (*answer[NotePage], error) {
	q, err := s.made(ctx, a, desk.NoteAdded, &CallFilter{Made: in.Made})
	if err != nil {
		return nil, err
	}
	return s.notes(ctx, a, q, in.Page)
}

func (s *Surface) threadCalls(ctx context.Context, a *desk.Actor, in *threadEntriesIn) (*answer[CallPage], error) {
	id, err := threadID(in.Thread)
	if err != nil {
		return nil, err
	}
	return s.calls(ctx, a, handling.EntryQuery{Kind: desk.CallAttempted, Thread: id}, in.Page)
}

func (s *Surface) threadNotes(ctx context.Context, a *desk.Actor, in *threadEntriesIn) (*answer[NotePage], error) {
	id, err := threadID(in.Thread)
	if err != nil {
		return nil, err
	}
	return s.notes(ctx, a, handling.EntryQuery{Kind: desk.NoteAdded, Thread: id}, in.Page)
}
