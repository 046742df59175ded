package api

import (
	"context"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/openapi"
)

// ThreadPage is a page of a view.
type ThreadPage struct {
	Threads []Thread `json:"threads" nullable:"false"`
	Next    string   `json:"next,omitempty" doc:"The address of the next page; absent on the last. A page that is short need not be the last"`
}

// ThreadDetail is a thread with what is in it.
type ThreadDetail struct {
	Thread   Thread    `json:"thread"`
	Messages []Message `json:"messages" nullable:"false" doc:"The newest 500, in the order in which they came"`
	Events   []Event   `json:"events" nullable:"false" doc:"Likewise"`
	Earlier  []Thread  `json:"earlier" nullable:"false" doc:"Other threads of the same caller, the newest first"`
	Damaged  bool      `json:"damaged,omitempty" doc:"Some rows are not what was written, and are not shown"`
}

// Counts is how many open threads are in each view.
type Counts struct {
	Unclaimed int `json:"unclaimed"`
	Assigned  int `json:"assigned"`
	Working   int `json:"working"`
	Due       int `json:"due"`
	Waiting   int `json:"waiting"`
	Overdue   int `json:"overdue"`
	All       int `json:"all"`
}

// ThreadFilter is what lists of threads, and exports, are narrowed by. It is
// exported for the library, which reads fields.
type ThreadFilter struct {
	View    string `query:"view" enum:"unclaimed,assigned,working,due,waiting,overdue,all,closed" default:"all" doc:"Which threads; all but closed are open ones"`
	Order   string `query:"order" enum:"urgent,newest,waking,closed" doc:"How they are ordered, where the view allows it"`
	Channel string `query:"channel" pattern:"^[0-9]{18}$" doc:"Only of this channel"`
	Owner   string `query:"owner" pattern:"^[0-9]{1,19}$" doc:"Only this person's"`
	Outcome string `query:"outcome" enum:"reached,no_answer,busy,wrong_number,voicemail,again" doc:"Only with this outcome of the last call"`
	Since   string `query:"since" format:"date-time" doc:"Only with a message since then; with closed, closed since then"`
	Text    string `query:"text" maxLength:"200" doc:"Only with these words in one of the messages"`
}

type threadsIn struct {
	ThreadFilter
	Page
}

// ThreadPath names a thread; it is exported for the library, which reads fields.
type ThreadPath struct {
	Thread string `path:"thread" pattern:"^[0-9]{1,19}$" doc:"The thread's id" example:"311487412345839616"`
}

type threadIn struct{ ThreadPath }

type nothing struct{}

func (s *Surface) threads() {
	openapi.Add(s.Door, openapi.Operation{
		ID: "list-threads", Method: http.MethodGet, Path: "/threads", May: desk.ThreadsSee, Group: "Threads",
		Title: "List threads", Text: "The views are those of the pages, without `mine`, which a key has none of.",
		Example: openapi.Example{Path: "/threads?view=unclaimed&limit=20"},
	}, s.listThreads)
	openapi.Add(s.Door, openapi.Operation{
		ID: "count-threads", Method: http.MethodGet, Path: "/threads/counts", May: desk.ThreadsSee, Group: "Threads",
		Title: "Count open threads by view", Text: "A second old at most.", Example: openapi.Example{Path: "/threads/counts"},
	}, s.countThreads)
	openapi.Add(s.Door, openapi.Operation{
		ID: "get-thread", Method: http.MethodGet, Path: "/threads/{thread}", May: desk.ThreadsSee, Group: "Threads",
		Title: "Read a thread with its messages and events", Text: "The ETag is its version, for If-Match. A new message changes it, a note does not.",
		Example: openapi.Example{Path: "/threads/{thread}"},
	}, s.getThread)
}

// view is the filter in the words of the domain.
func (s *Surface) view(ctx context.Context, a *desk.Actor, f *ThreadFilter) (q handling.ViewQuery, err error) {
	q = handling.ViewQuery{View: desk.View(f.View), Order: desk.Order(f.Order), Outcome: desk.Outcome(f.Outcome), Text: f.Text}
	if q.Since, err = when(f.Since, "since"); err != nil {
		return q, err
	}
	if f.Channel != "" {
		if q.Channel, err = s.channelID(ctx, a, f.Channel); err != nil {
			return q, err
		}
	}
	if f.Owner != "" {
		err = q.Owner.UnmarshalText([]byte(f.Owner))
	}
	return q, err
}

func (s *Surface) listThreads(ctx context.Context, a *desk.Actor, in *threadsIn) (*answer[ThreadPage], error) {
	q, err := s.view(ctx, a, &in.ThreadFilter)
	if err != nil {
		return nil, err
	}
	q.Before, q.Limit = in.Cursor, in.Limit
	if err := s.show(ctx, a, "threads"); err != nil {
		return nil, err
	}
	found, err := s.Desk.View(ctx, *a, q)
	if err != nil {
		return nil, err
	}
	page := ThreadPage{Threads: eachFor(a, found.Threads, threadOf)}
	if found.Next != "" {
		page.Next = next(ctx, found.Next)
	}
	return &answer[ThreadPage]{Body: page}, nil
}

func (s *Surface) countThreads(ctx context.Context, a *desk.Actor, _ *nothing) (*answer[Counts], error) {
	n, err := s.Desk.Counts(ctx, *a)
	if err != nil {
		return nil, err
	}
	return &answer[Counts]{Body: Counts{
		Unclaimed: n[desk.ViewUnclaimed], Assigned: n[desk.ViewAssigned], Working: n[desk.ViewWorking],
		Due: n[desk.ViewDue], Waiting: n[desk.ViewWaiting], Overdue: n[desk.ViewOverdue], All: n[desk.ViewAll],
	}}, nil
}

var errNoThread = desk.Errorf(desk.Missing, "thread", "there is no such thread")

func threadID(text string) (id desk.ID, err error) {
	if id.UnmarshalText([]byte(text)) != nil {
		return 0, errNoThread
	}
	return id, nil
}

func (s *Surface) getThread(ctx context.Context, a *desk.Actor, in *threadIn) (*answer[ThreadDetail], error) {
	id, err := threadID(in.Thread)
	if err != nil {
		return nil, err
	}
	t, err := s.Desk.Open(ctx, *a, id)
	if err != nil {
		return nil, err
	}
	if err := s.show(ctx, a, "thread:"+id.String()); err != nil {
		return nil, err
	}
	return &answer[ThreadDetail]{ETag: openapi.ETag(t.Thread.Version), Body: ThreadDetail{
		Thread: threadOf(a, &t.Thread), Messages: eachFor(a, t.Messages, messageOf), Events: each(t.Events, eventOf),
		Earlier: eachFor(a, t.Earlier, threadOf), Damaged: t.Damaged != nil,
	}}, nil
}
