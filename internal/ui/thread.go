package ui

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/number"
)

// thread is the right pane.
type thread struct {
	ID, View, Back      string
	Problem             string
	State               desk.State
	StateText           string
	Mine, Open          bool
	Number, Dial        string
	Call                callAddress // "" leaves it to Dial
	CallOpens           bool        // a page, which must not take the desk's place
	Shown               string      // proof that this person was shown the number; see shown.go
	Name                []piece
	Language            string
	LocalTime           *localTime
	Channel             string
	Holder, HeldBy      string
	Due                 due
	Attempts            int
	Version             int64
	CanReveal, CanClaim bool
	CanRelease          bool
	CanHandle           bool
	CanAssign           bool
	Messages            []message
	Damaged             string
	Outcomes            []outcome
	Draft, AgainAt      string
	Snoozes, People     []option
	Timeline            []happened
	Earlier             []row
	Toast               *toast
	Row                 *row
	Views               []viewLink
}

// callAddress is an address of a scheme that html/template does not know. The
// scheme and the host are the configuration's, which was checked, and the rest is
// escaped.
type callAddress = template.URL

type localTime struct{ Clock, Place string }

// message is one message, or several that say the same.
type message struct {
	Text      []piece
	At        stamp
	Times     int
	Reference string
}

type outcome struct {
	Value desk.Outcome
	Text  string
	Key   int
}

// happened is one line of the timeline.
type happened struct {
	At     stamp
	Text   string
	Detail []piece
	Call   bool
}

// toast says what was just done, and offers to undo it.
type toast struct {
	Did, Text, Thread, View string
	Undo                    bool
}

// answer is what an act leaves for the page that follows it.
type answer struct {
	did     string
	problem string
	draft   string
	shown   bool
	lost    bool // somebody else has it: the page says who
}

func (v *visit) threadID() (id desk.ID, err error) {
	if err := id.UnmarshalText([]byte(v.R.PathValue("id"))); err != nil {
		return 0, desk.Errorf(desk.Missing, "thread", "there is no such thread")
	}
	return id, nil
}

// thread shows one: the whole page, or the pane.
func (v *visit) thread() error {
	id, err := v.threadID()
	if err != nil {
		return err
	}
	get := v.R.URL.Query()
	return v.showThread(http.StatusOK, id, answer{
		did: get.Get("did"), shown: v.wasShown(id, get.Get("shown")),
	})
}

func (v *visit) showThread(status int, id desk.ID, a answer) error {
	t, d, err := v.threadModel(id, a)
	if err != nil {
		return err
	}
	if target, part := v.fragment(); part && target == "thread" {
		if v.R.Method == http.MethodPost {
			return v.renderAct(status, t, d)
		}
		return v.render(status, "desk", "fragment-thread", deskPart{Thread: t})
	}
	page, err := v.deskPage("thread")
	if err != nil {
		return err
	}
	page.Thread = t
	for i := range page.List.Rows {
		page.List.Rows[i].Current = page.List.Rows[i].ID == t.ID
	}
	return v.render(status, "desk", "page", page)
}

// deskPart is the pane with what else changes beside it.
type deskPart struct {
	Thread *thread
	Row    *row
	Views  []viewLink
}

// renderAct is the pane after an act, with the thread's row and the counts.
func (v *visit) renderAct(status int, t *thread, d *handling.Detail) error {
	q, values, _ := v.filter() // what is wrong with it, the list says
	names, err := v.ui.names.roll(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return err
	}
	counts, err := v.ui.Desk.Counts(v.R.Context(), v.actor)
	if err != nil {
		return err
	}
	r := v.row(&d.Thread, names, values)
	r.OOB, r.Current = true, true
	// What was clicked on is no address to come back to; the thread is.
	v.W.Header().Set("HX-Replace-Url", "/thread/"+r.ID+"?"+values.Encode())
	r.Gone = !v.listed(&d.Thread, &q)
	return v.render(status, "desk", "fragment-thread", deskPart{t, &r, views(q.View, counts, true)})
}

func (v *visit) threadModel(id desk.ID, a answer) (*thread, *handling.Detail, error) {
	ctx := v.R.Context()
	d, err := v.ui.Desk.Open(ctx, v.actor, id)
	if err != nil {
		return nil, nil, err
	}
	names, err := v.ui.names.roll(ctx, v.actor.Tenant)
	if err != nil {
		return nil, nil, err
	}
	_, values, _ := v.filter() // what is wrong with it, the list says
	th := &d.Thread
	t := &thread{
		ID: th.ID.String(), View: values.Encode(), Back: "/?" + values.Encode(), Problem: a.problem, Draft: a.draft,
		State: th.State, StateText: v.lang.say("state." + string(th.State)), Mine: v.mine(th), Open: th.State != desk.Closed,
		Channel: shown(names.channelName(th.Channel)), Holder: shown(d.Holder),
		Due: v.dueOf(th), Attempts: th.Attempts, Version: th.Version, Messages: v.folded(d.Folded()),
		Timeline: v.timeline(d.Events), Toast: v.toast(a.did, id, values),
	}
	v.caller(t, &d, a)
	v.powers(t, th, names)
	if a.lost && d.Holder != "" {
		t.Problem = v.lang.say("lost", d.Holder)
	}
	if d.Damaged != nil {
		t.Damaged = v.lang.say("damaged")
	}
	for i := range d.Earlier {
		t.Earlier = append(t.Earlier, v.row(&d.Earlier[i], names, values))
	}
	return t, &d, nil
}

// caller says who it is, where and when that is, and how to reach them.
func (v *visit) caller(t *thread, d *handling.Detail, a answer) {
	th := &d.Thread
	t.Number = v.number(th)
	may := v.actor.May(desk.NumbersSee)
	if a.shown {
		t.Number, t.Shown = callerShown(th), v.showing(th.ID)
	}
	if (may || a.shown) && number.Dialable(th.CallerKey) {
		t.Dial = th.CallerKey
		t.Call = callAddress(v.ui.Dialler.Address(desk.Dialled{Number: th.CallerKey, Login: v.me.Login, Thread: th.ID}))
		t.CallOpens = v.ui.Dialler.Web()
	}
	t.CanReveal = !may && !a.shown && v.actor.May(desk.ThreadsHandle)
	for i := len(d.Messages) - 1; i >= 0; i-- {
		if m := &d.Messages[i]; m.UserName != "" {
			t.Name, t.Language = seen(m.UserName), v.lang.language(m.Locale)
			break
		}
	}
	t.LocalTime = v.localTime(th.CallerKey)
}

// localTime is what the clock says where the number is; nothing when it may be
// in places whose clocks differ.
func (v *visit) localTime(key string) *localTime {
	zones := number.Zones(key)
	var l *localTime
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil
		}
		clock := v.now.In(zone).Format("15:04")
		if l != nil && l.Clock != clock {
			return nil
		}
		l = &localTime{Clock: clock}
	}
	if len(zones) == 1 {
		_, place, _ := strings.Cut(zones[0], "/")
		l.Place = strings.ReplaceAll(place, "_", " ")
	}
	return l
}

// language is a locale's language in the reader's words, "" when there is none.
func (l *language) language(locale string) string {
	base, _, _ := strings.Cut(strings.ReplaceAll(locale, "-", "_"), "_")
	if text, ok := l.texts["speaks."+strings.ToLower(base)]; ok {
		return text
	}
	return strings.ToLower(base)
}

// powers is what this person can do with the thread.
func (v *visit) powers(t *thread, th *desk.Thread, names *roll) {
	t.CanHandle = v.actor.May(desk.ThreadsHandle)
	held := th.State == desk.Working && !v.mine(th)
	t.CanClaim = t.CanHandle && t.Open && !held && !(t.Mine && th.State == desk.Working)
	t.CanRelease = t.CanHandle && t.Open && t.Mine
	t.CanAssign = t.CanHandle && v.actor.May(desk.ThreadsAssign)
	if held {
		t.HeldBy = v.lang.say("held.by", shown(names.personName(th.Owner)))
	}
	for i, o := range desk.Outcomes() {
		if o != desk.CallAgain {
			t.Outcomes = append(t.Outcomes, outcome{o, v.lang.say("outcome." + string(o)), i + 1})
		}
	}
	for _, s := range snoozes() {
		t.Snoozes = append(t.Snoozes, option{Value: s, Text: v.lang.say("snooze." + s)})
	}
	t.AgainAt = v.now.In(v.zone).Add(2 * time.Hour).Truncate(15 * time.Minute).Format("2006-01-02T15:04")
	for i := range names.people {
		p := &names.people[i]
		a := p.Actor("")
		if !p.Disabled && a.May(desk.ThreadsHandle) && a.Sees(th.Channel) {
			t.People = append(t.People, option{p.ID.String(), shown(p.Name), p.ID == th.Owner})
		}
	}
}

// folded lists messages in order; one that repeats the one before it is counted,
// not shown again.
func (v *visit) folded(all []handling.Repeated) []message {
	out := make([]message, len(all))
	for i := range all {
		m := &all[i]
		out[i] = message{Text: seen(m.Text), At: v.at(m.Last.ReceivedAt), Times: m.Times, Reference: m.Last.Reference()}
	}
	return out
}

// timeline tells what happened, the newest first. Messages are above it already.
func (v *visit) timeline(events []desk.Event) []happened {
	var out []happened
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		if e.Kind == desk.MessageLeft {
			continue
		}
		d, err := e.Details()
		if err != nil {
			continue
		}
		h := happened{At: v.at(e.At), Call: e.Kind == desk.CallAttempted}
		key := "event." + e.Kind
		if e.Actor == "" {
			key += ".auto"
		}
		switch e.Kind {
		case desk.CallAttempted:
			h.Text = v.lang.say(key, e.Actor, ours(v.lang.say("outcome."+string(d.Outcome))))
		case desk.ThreadSnoozed:
			h.Text = v.lang.say(key, e.Actor, ours(v.at(d.Until).Text))
		default:
			h.Text = v.lang.say(key, e.Actor, d.To)
		}
		if d.Note != "" || d.Reason != "" {
			h.Detail = seen(d.Note + d.Reason)
		}
		out = append(out, h)
	}
	return out
}

// ours is a text of ours as an argument of another: it needs no isolation.
type ours string

func (v *visit) toast(did string, id desk.ID, values url.Values) *toast {
	undo, known := map[string]bool{
		"claim": true, "release": true, "assign": true, "call": true, "snooze": true, "close": true, "reopen": true,
		"note": false, "undo": false, "reveal": false,
	}[did]
	if !known {
		return nil
	}
	return &toast{Did: did, Text: v.lang.say("did." + did), Thread: id.String(), View: values.Encode(), Undo: undo}
}

// print is a thread on paper.
func (v *visit) print() error {
	id, err := v.threadID()
	if err != nil {
		return err
	}
	t, _, err := v.threadModel(id, answer{})
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "print", "page", printed{v.shell("print"), t, v.at(v.now)})
}

type printed struct {
	shell
	Thread *thread
	Now    stamp
}

func (v *visit) keys() error {
	page, err := v.framed("sheet.title")
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "keys", "page", page)
}

// framed is the shell of a page that stands where the list and the thread are.
func (v *visit) framed(title string, args ...any) (shell, error) {
	s := v.shell(title, args...)
	if !v.actor.May(desk.ThreadsSee) {
		return s, nil
	}
	counts, err := v.ui.Desk.Counts(v.R.Context(), v.actor)
	if err != nil {
		return s, err
	}
	kept, err := v.ui.Desk.Kept(v.R.Context(), v.actor)
	if err != nil {
		return s, err
	}
	s.Views = views("", counts, false)
	s.Saved, err = v.savedLinks(kept, nil, false)
	return s, err
}

// version is the one that the page showed; 0 is whatever it is now.
func (v *visit) version() int64 {
	n, err := strconv.ParseInt(v.R.PostFormValue("version"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
