package ui

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/number"
	"github.com/afterbeep/afterbeep/internal/web"
)

// pageRows is how many threads a list shows at a time.
const pageRows = 50

// deskPage is the inbox: the list, and perhaps the thread that is open.
type deskPage struct {
	shell
	Pane   string // on a phone, the one that shows: list or thread
	List   list
	Thread *thread
	status int
}

// list is the middle pane.
type list struct {
	View, Title, Self string
	Rows              []row
	Next              string // the address of the next page
	Closed            string // the same search among what is closed, when it has ended here
	Empty             string // why there is nothing: a key of the catalogue
	Fresh             bool   // there never was anything
	Line              string // what puts a message in
	Filtered          bool
	Opened            bool   // it is one that was kept, whose name says enough
	Problem           string // why the list could not be made
	Good              string // what was done with a filter
	Q                 struct{ Text, Order string }
	States, Channels  []option
	People, Outcomes  []option
	Times             []option
	Orders            []orderLink // none where there is no choice
	Keep              *keepForm   // nil: there is nothing to keep
}

type option struct {
	Value, Text string
	On          bool
}

// viewLink is one view in the left pane, with its count.
type viewLink struct {
	Name    string
	N       int
	Counted bool
	Hot     bool
	Current bool
	Swap    bool // only the list is exchanged
}

// row is a thread in a list.
type row struct {
	ID, Href  string
	Caller    string
	Excerpt   []piece
	Messages  int
	Channel   string
	Owner     string
	Mine      bool
	Status    string
	Outcome   string
	Age       stamp
	Due       due
	Current   bool
	Gone      bool
	OOB       bool
	messageAt time.Time
}

// inbox is a view or a search: the whole page, the list, or its next rows.
func (v *visit) inbox() error {
	page, err := v.deskPage("list")
	if err != nil {
		return err
	}
	return v.showDesk(page)
}

func (v *visit) showDesk(page *deskPage) error {
	target, part := v.fragment()
	switch {
	case part && target == "more":
		return v.render(page.status, "desk", "fragment-rows", page)
	case part && target == "list":
		page.OOB = true
		return v.render(page.status, "desk", "fragment-list", page)
	}
	return v.render(page.status, "desk", "page", page)
}

func (v *visit) deskPage(pane string) (*deskPage, error) {
	q, values, wrong := v.filter()
	ctx := v.R.Context()
	// Where the stream is to go on is noted before anything is read, so that what
	// happens meanwhile is told twice rather than never.
	page := &deskPage{shell: v.shell("view." + string(q.View)), Pane: pane, status: http.StatusOK}
	names, err := v.ui.names.roll(ctx, v.actor.Tenant)
	if err != nil {
		return nil, err
	}
	counts, err := v.ui.Desk.Counts(ctx, v.actor)
	if err != nil {
		return nil, err
	}
	var found handling.Page
	if wrong == nil {
		found, wrong = v.ui.Desk.View(ctx, v.actor, q)
	}
	if wrong != nil && !page.bears(wrong, &q) {
		return nil, wrong
	}
	if wrong != nil {
		page.List.Problem = v.lang.problemOf(wrong)
	}
	page.Query, page.Views = q.Text, views(q.View, counts, true)
	l := &page.List
	if q.Text != "" && q.View != desk.ViewClosed && found.Next == "" {
		closed := copied(values)
		closed.Set("view", string(desk.ViewClosed))
		l.Closed = "/search?" + closed.Encode()
	}
	l.View, l.Title, l.Self = string(q.View), page.Title, "/?"+values.Encode()
	for i := range found.Threads {
		l.Rows = append(l.Rows, v.row(&found.Threads[i], names, values))
	}
	if found.Next != "" {
		next := copied(values)
		next.Set("before", found.Next)
		l.Next = "/?" + next.Encode()
	}
	v.options(l, &q, values, names)
	if err := v.saved(page, values); err != nil {
		return nil, err
	}
	return page, v.empty(l, counts, names)
}

// bears says whether what is wrong with a list leaves the rest of the inbox as it
// is: words that cannot be searched for, and a filter that was kept and asks for
// what is not there any more.
func (p *deskPage) bears(wrong error, q *handling.ViewQuery) bool {
	kind := desk.KindOf(wrong)
	if q.Before != "" || kind != desk.Invalid && kind != desk.Missing {
		return false
	}
	if q.Text == "" {
		p.status = status(kind)
	}
	return true
}

func copied(values url.Values) url.Values {
	out := url.Values{}
	for k, s := range values {
		out[k] = slices.Clone(s)
	}
	return out
}

// empty says why a list has no rows; a place where nobody ever left a message
// shows how one is put in.
func (v *visit) empty(l *list, counts map[desk.View]int, names *roll) error {
	if len(l.Rows) > 0 {
		return nil
	}
	l.Empty = l.View
	if l.Filtered {
		l.Empty = "filtered"
		return nil
	}
	if counts[desk.ViewAll] > 0 {
		return nil
	}
	closed, err := v.ui.Desk.View(v.R.Context(), v.actor, handling.ViewQuery{View: desk.ViewClosed, Limit: 1})
	if err != nil || len(closed.Threads) > 0 {
		return err
	}
	l.Fresh, l.Line = true, v.line(names)
	return nil
}

// line leaves a message from a terminal, but for the app's key and secret, which
// are shown only once, when they are made.
func (v *visit) line(names *roll) string {
	channel := "CHANNEL"
	for i := range names.channels {
		if c := &names.channels[i]; !c.Disabled && v.actor.Sees(c.ID) {
			channel = c.ID.String()
			break
		}
	}
	return "AFTERBEEP_APP_SECRET=SECRET afterbeep leave --url " + v.origin() + " \\\n" +
		"  --app-key KEY --channel-id " + channel + " \\\n" +
		`  --caller "+44 20 7946 0958" --text "Please call me back"`
}

// paned are the views that stand in the left pane, each with a key of its own. The
// others are for who looks for what others have: the filter offers them.
func paned() []desk.View {
	return slices.DeleteFunc(desk.Views(), func(v desk.View) bool { return v == desk.ViewAssigned || v == desk.ViewWorking })
}

func views(current desk.View, counts map[desk.View]int, swap bool) []viewLink {
	var all []viewLink
	for _, name := range paned() {
		n := counts[name]
		all = append(all, viewLink{
			Name: string(name), N: n, Counted: name != desk.ViewClosed,
			Hot: name == desk.ViewOverdue && n > 0, Current: name == current, Swap: swap,
		})
	}
	return all
}

// row is a thread as this person sees it.
func (v *visit) row(th *desk.Thread, names *roll, values url.Values) row {
	r := row{
		ID: th.ID.String(), Href: "/thread/" + th.ID.String() + "?" + values.Encode(),
		Caller: v.number(th), Excerpt: seen(th.Excerpt), Messages: th.Messages,
		Channel: shown(names.channelName(th.Channel)), Owner: shown(names.personName(th.Owner)), Mine: v.mine(th),
		Age: v.age(th.LastAt), Due: v.dueOf(th), messageAt: th.LastAt,
	}
	if th.State == desk.Working || th.State == desk.Waiting || th.State == desk.Closed {
		r.Status = v.lang.say("state." + string(th.State))
	}
	if th.Outcome != "" && th.State != desk.Closed {
		r.Outcome = v.lang.say("outcome." + string(th.Outcome))
	}
	return r
}

func (v *visit) mine(th *desk.Thread) bool {
	return v.me != nil && th.Owner == v.me.ID && th.State != desk.Closed
}

// number is a thread's caller as this person may see it.
func (v *visit) number(th *desk.Thread) string {
	if !v.actor.May(desk.NumbersSee) {
		return shown(web.Mask(th.Caller))
	}
	return callerShown(th)
}

// callerShown is the whole number, in groups when it is one.
func callerShown(th *desk.Thread) string {
	if number.Dialable(th.CallerKey) {
		return number.Shown(th.CallerKey)
	}
	return shown(th.Caller)
}

// viewsOf lists the views in which a thread stands, for a screen that is open.
func (v *visit) viewsOf(th *desk.Thread) []desk.View {
	if th.State == desk.Closed {
		return []desk.View{desk.ViewClosed}
	}
	in := []desk.View{desk.ViewAll}
	add := func(name desk.View, is bool) {
		if is {
			in = append(in, name)
		}
	}
	soon := v.now.Add(time.Hour)
	add(desk.ViewMine, v.mine(th))
	add(desk.ViewUnclaimed, th.Owner == 0 && th.State == desk.New)
	add(desk.ViewAssigned, th.State == desk.Assigned)
	add(desk.ViewWorking, th.State == desk.Working)
	add(desk.ViewWaiting, th.State == desk.Waiting)
	add(desk.ViewOverdue, !th.DueAt.IsZero() && th.DueAt.Before(v.now))
	add(desk.ViewDue, !th.DueAt.IsZero() && th.DueAt.Before(soon) || !th.WakeAt.IsZero() && th.WakeAt.Before(soon))
	return in
}
