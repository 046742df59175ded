package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/bench/browser"
	"github.com/afterbeep/afterbeep/bench/load"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// work is an agent's day: look at the list, take a thread, call, write a note,
// close or put off, and now and then take the last step back.
func (a *agent) work(ctx context.Context) {
	a.rest(ctx)
	for ctx.Err() == nil {
		rows := a.list(ctx)
		if len(rows) == 0 {
			a.rest(ctx)
			continue
		}
		a.handle(ctx, rows[a.dice.IntN(len(rows))])
	}
}

// rest is what a person needs between two acts, on average a.crowd.pace. A list
// that must be loaded anew is loaded by the script, without her.
func (a *agent) rest(ctx context.Context) {
	pace := a.crowd.pace
	until := time.NewTimer(pace/2 + time.Duration(a.dice.Int64N(int64(pace)+1)))
	defer until.Stop()
	select {
	case <-ctx.Done():
	case <-until.C:
	}
	if a.relist.CompareAndSwap(true, false) {
		a.ask(ctx, "list, after a flood", func() (browser.Page, error) { return a.Part(ctx, "list", "/?view=unclaimed") })
	}
}

// list shows what nobody has, and sometimes what is further down.
func (a *agent) list(ctx context.Context) []string {
	p, ok := a.ask(ctx, "list", func() (browser.Page, error) { return a.Part(ctx, "list", "/?view=unclaimed") })
	if !ok {
		return nil
	}
	rows, next := p.Rows(), p.Next()
	a.rest(ctx)
	if next == "" || a.dice.IntN(3) > 0 {
		return rows
	}
	p, ok = a.ask(ctx, "next rows", func() (browser.Page, error) { return a.Part(ctx, "more", next) })
	if !ok {
		return rows
	}
	a.rest(ctx)
	return p.Rows()
}

// handle is the work on one thread, until it is done or somebody else has it.
func (a *agent) handle(ctx context.Context, id string) {
	p, ok := a.ask(ctx, "thread", func() (browser.Page, error) { return a.Part(ctx, "thread", "/thread/"+id+"?view=unclaimed") })
	if !ok || !a.on(&p, id) {
		return
	}
	version := p.Version()
	outcome := []string{"reached", "reached", "no_answer", "busy", "voicemail"}[a.dice.IntN(5)]
	steps := []step{{"claim", nil}, {"call", url.Values{"outcome": {outcome}}}, {"note", url.Values{"text": {"Said what he needs. 已记录。"}}}}
	if outcome == "reached" {
		steps = append(steps, step{"close", url.Values{"text": {solved}}})
		if a.dice.IntN(5) == 0 {
			steps = append(steps, step{"undo", nil}, step{"close", url.Values{"text": {solved}}})
		}
	}
	for _, s := range steps {
		a.rest(ctx)
		if version, ok = a.act(ctx, id, version, s); !ok {
			return
		}
	}
	a.rest(ctx)
}

// step is an act with its fields.
type step struct {
	what string
	form url.Values
}

// act sends the form of the thread as it was shown. Who lost a race for it is told
// who won; who came later than another message of the caller is shown it, and
// does the same again.
func (a *agent) act(ctx context.Context, id, version string, s step) (next string, ok bool) {
	form := url.Values{"view": {"view=unclaimed"}}
	for k, v := range s.form {
		form[k] = v
	}
	if s.what == "claim" {
		a.crowd.claimed.LoadOrStore(id, time.Now())
	}
	for {
		form.Set("version", version)
		p, ok := a.ask(ctx, s.what, func() (browser.Page, error) { return a.Act(ctx, "/thread/"+id+"/"+s.what, form) })
		if !ok || !a.on(&p, id) {
			return "", false
		}
		if version = p.Version(); p.Status == http.StatusOK {
			if s.what == "claim" {
				a.count(func() { a.claims++ })
			}
			return version, true
		}
		theirs := strings.Contains(p.Problem(), "Agent 坐席 ") || p.State() == string(desk.Closed)
		switch {
		case s.what == "claim" && theirs:
			a.count(func() { a.lost++ })
			return "", false
		case theirs || p.Problem() == "":
			a.fails(s.what, fmt.Errorf("her thread %s is %s, and the page says %q", id, p.State(), p.Problem()))
			return "", false
		}
		a.count(func() { a.again++ })
		a.rest(ctx)
	}
}

// on refuses a pane of another thread.
func (a *agent) on(p *browser.Page, id string) bool {
	if p.Thread() != id {
		a.fails("thread", fmt.Errorf("%q is open instead of %s, %q", p.Thread(), id, p.Problem()))
	}
	return p.Thread() == id
}

func (a *agent) count(so func()) {
	if a.crowd.running.Load() {
		so()
	}
}

// ask makes one request and counts it, if it began and ended while it counts.
func (a *agent) ask(ctx context.Context, what string, do func() (browser.Page, error)) (browser.Page, bool) {
	counts := a.crowd.running.Load()
	p, err := do()
	switch {
	case ctx.Err() != nil:
		return p, false
	case err == nil && p.Status != http.StatusOK && p.Status != http.StatusConflict:
		err = fmt.Errorf("status %d, %q", p.Status, p.Problem())
	case err == nil && p.Problem() != "" && p.Status == http.StatusOK:
		err = errors.New(p.Problem())
	}
	if err != nil {
		a.fails(what, err)
		return p, false
	}
	if counts && a.crowd.running.Load() {
		if a.took[what] == nil {
			a.took[what] = &load.Histogram{}
		}
		a.took[what].Add(p.Took)
	}
	return p, true
}
