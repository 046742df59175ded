package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/afterbeep/afterbeep/bench/browser"
	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// counter is a server on a store in use, and an agent who has signed in.
type counter struct {
	*place
	*server
	*browser.Browser
	b       *bench
	free    []customer // a sample of the threads that nobody has
	address string     // of the list's second page
	top     string     // the first row of the first
}

// customer is an open thread and whose it is.
type customer struct {
	thread string
	caller int // in the town
}

// pageRows is how many threads a page of the list shows; samples how many threads
// are asked for in turn, on both sides the same number: a thread that was claimed
// and given back a dozen times has that in its timeline.
const (
	pageRows = 50
	samples  = 120
)

// counter opens a desk: some threads have been claimed since the store was seeded.
func (b *bench) counter(engine string, messages int) (*counter, error) {
	p, err := b.used(engine, messages)
	if err != nil {
		return nil, err
	}
	c := &counter{place: p, b: b}
	a, err := b.store(p.options)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.look(a), a.Close()); err != nil {
		return nil, err
	}
	if c.server, err = b.serve(p.options, p.creds); err != nil {
		return nil, err
	}
	if c.Browser, err = browser.SignIn(b.ctx, c.URL, login(0), password); err != nil {
		return nil, err
	}
	first, err := c.inbox(0)
	c.address = first.Next()
	return c, err
}

// look finds the threads that nobody has, lets somebody claim a few, and keeps a
// sample of the others.
func (c *counter) look(a *app.App) error {
	callers := map[string]int{}
	for n := c.callers - c.town.open; n < c.callers; n++ {
		callers[c.phone(n)] = n
	}
	staff, err := c.b.employ(a)
	if err != nil {
		return err
	}
	all, err := a.Store.Threads(c.b.ctx, desk.DefaultTenant, desk.Query{State: desk.New, Limit: c.town.open})
	if err != nil {
		return err
	}
	var free []customer
	for i, th := range all {
		caller, known := callers[th.Caller]
		switch {
		case !known:
			return fmt.Errorf("thread %s is open, and ought to be closed", th.ID)
		case i%30 == 29:
			if _, err := a.Handling.Claim(c.b.ctx, staff.agents[1+i%(staffed-1)], th.ID, 0); err != nil {
				return err
			}
		default:
			free = append(free, customer{th.ID.String(), caller})
		}
	}
	c.free = spread(free, samples)
	if len(c.free) < samples {
		return fmt.Errorf("only %d threads are nobody's", len(free))
	}
	return nil
}

// errand is something that an agent asks for. It refuses an answer without what
// was to be on it: a page that came back empty is fast, and proves nothing.
type errand struct {
	what  string
	other bool // in a large store there is more to be found: the times are not compared
	do    func(c *counter, i int) (browser.Page, error)
}

func errands() []errand {
	return []errand{
		{"inbox, first page", false, (*counter).inbox},
		{"inbox, next page", false, (*counter).next},
		{"thread", false, (*counter).thread},
		{"claim", false, (*counter).claim},
		{"search, a common word", false, common("invoice")},
		{"search, two Chinese characters", false, common("退款")},
		{"search, two words", false, common("delivery address")},
		{"search, a name", false, rare(namesakes, func(c *counter, n int) string { return c.name(n) })},
		{"search, a whole number", false, rare(1, func(c *counter, n int) string { return c.phone(n) })},
		{"search, its last six digits", false, rare(1, func(c *counter, n int) string { return c.phone(n)[5:] })},
		{"search, its last four digits", true, (*counter).fourDigits},
		{"search, an order's number", false, rare(1, func(c *counter, n int) string { return c.order(c.messageOf(n)) })},
	}
}

// shows refuses a page of another status, or with fewer rows.
func shows(p *browser.Page, err error, least int) error {
	switch {
	case err != nil:
		return err
	case p.Status != http.StatusOK:
		return fmt.Errorf("status %d, %q", p.Status, p.Problem())
	case p.Problem() != "":
		return fmt.Errorf("the page says %q", p.Problem())
	}
	return full(len(p.Rows()), least, nil)
}

func (c *counter) inbox(int) (browser.Page, error) {
	p, err := c.Get(c.b.ctx, "/")
	if err = shows(&p, err, pageRows); err == nil && p.Next() == "" {
		err = errors.New("the list ends on its first page")
	}
	if err == nil {
		c.top = p.Rows()[0]
	}
	return p, err
}

func (c *counter) next(int) (browser.Page, error) {
	p, err := c.Get(c.b.ctx, c.address)
	if err = shows(&p, err, pageRows); err == nil && slices.Contains(p.Rows(), c.top) {
		err = errors.New("the next page begins with the first")
	}
	return p, err
}

func (c *counter) customer(i int) customer { return c.free[i*7%len(c.free)] }

func (c *counter) thread(i int) (browser.Page, error) {
	id := c.customer(i).thread
	p, err := c.Get(c.b.ctx, "/thread/"+id+"?view=unclaimed")
	if err = shows(&p, err, pageRows); err == nil {
		err = opened(&p, id, desk.New)
	}
	return p, err
}

// opened refuses a page on which another thread is open, or not all of it.
func opened(p *browser.Page, id string, state desk.State) error {
	if p.Thread() != id || p.State() != string(state) || p.Messages() != eachWrites {
		return fmt.Errorf("thread %s is to be %s with %d messages; the page shows %q, %q, %d messages and says %q",
			id, state, eachWrites, p.Thread(), p.State(), p.Messages(), p.Problem())
	}
	return nil
}

// claim opens a thread, claims it, and gives it back. Only the claim counts.
func (c *counter) claim(i int) (browser.Page, error) {
	id := c.customer(i).thread
	p, err := c.Part(c.b.ctx, "thread", "/thread/"+id+"?view=unclaimed")
	if err != nil {
		return p, err
	}
	claimed, err := c.act(id, "claim", p.Version())
	if err == nil {
		err = opened(&claimed, id, desk.Working)
	}
	if err == nil && !claimed.Mine() {
		err = errors.New("what was claimed is another's")
	}
	if err != nil {
		return claimed, err
	}
	p, err = c.act(id, "release", claimed.Version())
	if err == nil {
		err = opened(&p, id, desk.New)
	}
	return claimed, err
}

func (c *counter) act(id, what, version string) (browser.Page, error) {
	return c.Act(c.b.ctx, "/thread/"+id+"/"+what, url.Values{"version": {version}, "view": {"view=unclaimed"}, "text": {""}})
}

func (c *counter) find(text string) (browser.Page, error) {
	return c.Get(c.b.ctx, "/search?q="+url.QueryEscape(text))
}

// common searches for what fills a page.
func common(text string) func(*counter, int) (browser.Page, error) {
	return func(c *counter, _ int) (browser.Page, error) {
		p, err := c.find(text)
		return p, shows(&p, err, pageRows)
	}
}

// fourDigits are in so many numbers of a large store that a customer may be found
// on a later page only.
func (c *counter) fourDigits(i int) (browser.Page, error) {
	p, err := c.find(c.phone(c.customer(i).caller)[7:])
	return p, shows(&p, err, 1)
}

// rare searches for what a customer is known by, who must be found.
func rare(least int, by func(*counter, int) string) func(*counter, int) (browser.Page, error) {
	return func(c *counter, i int) (browser.Page, error) {
		who := c.customer(i)
		p, err := c.find(by(c, who.caller))
		if err = shows(&p, err, least); err == nil && !slices.Contains(p.Rows(), who.thread) {
			err = fmt.Errorf("%q does not find thread %s", by(c, who.caller), who.thread)
		}
		return p, err
	}
}
