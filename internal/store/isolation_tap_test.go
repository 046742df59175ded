package store_test

import (
	"context"
	"database/sql/driver"
	"runtime"
	"strings"
	"sync"
)

// tap sits between database/sql and a driver. No statement gets round it, also
// none that somebody runs past query, row and exec.
type tap struct {
	mu      sync.Mutex
	instead map[string]string // the text that is run, by the one that was meant
	stacks  bool              // whether to note who asks
	heard   []*heard
}

// heard is a statement that was run.
type heard struct {
	text  string
	args  []driver.NamedValue
	rows  int64    // given or changed
	asked []string // the exported methods of the store that it was run for
}

// listen begins anew.
func (p *tap) listen(instead map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instead, p.heard = instead, nil
}

func (p *tap) all() []*heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}

func (p *tap) note(text string, args []driver.NamedValue) *heard {
	h := &heard{text: text, args: args}
	if p.stacks {
		h.asked = callers()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, h)
	return h
}

func (p *tap) text(meant string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, ok := p.instead[meant]; ok {
		return other
	}
	return meant
}

// callers are the methods of the store's types on the stack, as Type.Method.
func callers() (all []string) {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if _, rest, ok := strings.Cut(f.Function, "/internal/store.(*"); ok {
			kind, method, _ := strings.Cut(rest, ").")
			method, _, _ = strings.Cut(method, ".")
			all = append(all, kind+"."+method)
		}
		if !more {
			return all
		}
	}
}

// tapped makes connections that are listened to.
type tapped struct {
	driver.Connector
	tap *tap
}

func (c tapped) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &tappedConn{conn.(whole), c.tap}, nil
}

// whole is what both drivers' connections can do.
type whole interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
}

type tappedConn struct {
	whole
	tap *tap
}

func (c *tappedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checks, ok := c.whole.(driver.NamedValueChecker); ok {
		return checks.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *tappedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	st, err := c.whole.PrepareContext(ctx, c.tap.text(text))
	if err != nil {
		c.tap.note(text, nil)
		return nil, err
	}
	return &tappedStmt{st.(wholeStmt), text, c.tap}, nil
}

func (c *tappedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	h := c.tap.note(text, args)
	r, err := c.whole.ExecContext(ctx, c.tap.text(text), args)
	return h.changed(r, err)
}

func (c *tappedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	h := c.tap.note(text, args)
	r, err := c.whole.QueryContext(ctx, c.tap.text(text), args)
	return h.given(r, err)
}

func (h *heard) changed(r driver.Result, err error) (driver.Result, error) {
	if err == nil {
		h.rows, _ = r.RowsAffected() // 0 where there is no such number
	}
	return r, err
}

func (h *heard) given(r driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, err
	}
	return &tappedRows{r, h}, nil
}

type wholeStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type tappedStmt struct {
	wholeStmt
	text string
	tap  *tap
}

func (s *tappedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	h := s.tap.note(s.text, args)
	r, err := s.wholeStmt.ExecContext(ctx, args)
	return h.changed(r, err)
}

func (s *tappedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	h := s.tap.note(s.text, args)
	r, err := s.wholeStmt.QueryContext(ctx, args)
	return h.given(r, err)
}

type tappedRows struct {
	driver.Rows
	h *heard
}

func (r *tappedRows) Next(to []driver.Value) error {
	err := r.Rows.Next(to)
	if err == nil {
		r.h.rows++
	}
	return err
}
