package ui

import (
	"net/url"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// orderLink is one of the orders that a list can have.
type orderLink struct {
	Name, Href string
	Current    bool
}

// filter is what the address asks for. It is all there, so that a view can be
// sent to a colleague. values is what could be read of it, also beside an error.
func (v *visit) filter() (q handling.ViewQuery, values url.Values, err error) {
	get := v.R.URL.Query()
	if v.R.Method != "GET" && v.R.Method != "HEAD" {
		if get, err = url.ParseQuery(v.R.PostFormValue("view")); err != nil || !get.Has("view") {
			get = url.Values{"view": {v.R.PostFormValue("view")}}
		}
	}
	return v.parse(get)
}

// parse reads a filter; values is the one spelling of it.
func (v *visit) parse(get url.Values) (q handling.ViewQuery, values url.Values, err error) {
	values = url.Values{}
	for _, name := range []string{"view", "order", "channel", "owner", "outcome", "q", "since"} {
		if s := get.Get(name); s != "" {
			values.Set(name, s)
		}
	}
	q.Outcome, q.Text, q.Since = desk.Outcome(get.Get("outcome")), get.Get("q"), v.since(get.Get("since"))
	q.Before, q.Limit = get.Get("before"), pageRows
	if q.View = desk.View(get.Get("view")); q.View == "" {
		q.View = v.firstView()
		values.Set("view", string(q.View))
	}
	if _, err = desk.ParseView(string(q.View)); err != nil {
		q.View = v.firstView() // which the page around the error is about
		return q, values, err
	}
	if c := get.Get("channel"); c != "" {
		if q.Channel, err = desk.ParseChannelID(c); err != nil {
			return q, values, err
		}
	}
	if o := get.Get("owner"); o != "" {
		if err = q.Owner.UnmarshalText([]byte(o)); err != nil {
			return q, values, err
		}
	}
	return q, values, setOrder(&q, values)
}

// setOrder leaves an order out that is the view's own, or that it cannot have: who
// changes the view in the form need not think of the order. What is searched for
// by words has an order of its own.
func setOrder(q *handling.ViewQuery, values url.Values) error {
	asked := desk.Order(values.Get("order"))
	if asked != "" && asked != desk.OrderNewest && asked != desk.OrderUrgent && !slices.Contains(q.View.Orders(), asked) {
		return desk.Errorf(desk.Invalid, "order", "a list is ordered by newest or urgent")
	}
	if q.Text != "" || !slices.Contains(q.View.Orders()[1:], asked) {
		values.Del("order")
		return nil
	}
	q.Order = asked
	return nil
}

// firstView is what the inbox opens with: what nobody has, or everything for
// those who do not work at it; a search looks everywhere.
func (v *visit) firstView() desk.View {
	if v.R.URL.Path == "/search" || !v.actor.May(desk.ThreadsHandle) {
		return desk.ViewAll
	}
	return desk.ViewUnclaimed
}

func (v *visit) since(s string) time.Time {
	switch s {
	case "day":
		return v.now.Add(-24 * time.Hour)
	case "week":
		return v.now.AddDate(0, 0, -7)
	case "month":
		return v.now.AddDate(0, -1, 0)
	}
	return time.Time{}
}

// narrowed says whether a list is less than a view.
func narrowed(values url.Values) bool {
	return slices.ContainsFunc([]string{"channel", "owner", "outcome", "q", "since"}, values.Has)
}

// listed says whether a thread is still in a list that shows it, as far as a row
// tells; live.js asks the same.
func (v *visit) listed(th *desk.Thread, q *handling.ViewQuery) bool {
	return slices.Contains(v.viewsOf(th), q.View) && (q.Channel == 0 || th.Channel == q.Channel) &&
		(q.Owner == 0 || q.View == desk.ViewMine || th.Owner == q.Owner) && (q.Outcome == "" || th.Outcome == q.Outcome)
}

// options fills the filter's fields, and the choice of an order. What the filter
// asks for and is not there any more stands there as that.
func (v *visit) options(l *list, q *handling.ViewQuery, values url.Values, names *roll) {
	l.Q.Text, l.Q.Order = q.Text, values.Get("order")
	l.Filtered = narrowed(values) || v.R.URL.Path == "/search"
	for _, name := range desk.Views() {
		l.States = append(l.States, option{string(name), v.lang.say("view." + string(name)), name == q.View})
	}
	for i := range names.channels {
		if c := &names.channels[i]; v.actor.Sees(c.ID) {
			l.Channels = append(l.Channels, option{c.ID.String(), shown(c.Name), c.ID == q.Channel})
		}
	}
	l.Channels = v.orGone(l.Channels, values.Get("channel"))
	for i := range names.people {
		p := &names.people[i]
		l.People = append(l.People, option{p.ID.String(), shown(p.Name), p.ID == q.Owner})
	}
	l.People = v.orGone(l.People, values.Get("owner"))
	for _, o := range desk.Outcomes() {
		l.Outcomes = append(l.Outcomes, option{string(o), v.lang.say("outcome." + string(o)), o == q.Outcome})
	}
	for _, name := range []string{"", "day", "week", "month"} {
		l.Times = append(l.Times, option{name, v.lang.say("since." + name), name == values.Get("since")})
	}
	if orders := q.View.Orders(); len(orders) > 1 && q.Text == "" {
		for _, o := range []desk.Order{desk.OrderNewest, desk.OrderUrgent} {
			href := copied(values)
			href.Set("order", string(o))
			current := o == q.Order || q.Order == "" && o == orders[0]
			l.Orders = append(l.Orders, orderLink{string(o), "/?" + href.Encode(), current})
		}
	}
}

// orGone adds what was asked for and is not among the choices.
func (v *visit) orGone(all []option, asked string) []option {
	if asked == "" || slices.ContainsFunc(all, func(o option) bool { return o.On }) {
		return all
	}
	return append(all, option{asked, v.lang.say("filter.gone"), true})
}
