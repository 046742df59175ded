package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	xterm "golang.org/x/term"

	"github.com/afterbeep/afterbeep/internal/chain"
	"github.com/afterbeep/afterbeep/internal/term"
)

// refresh is how often a bar is drawn anew.
const refresh = 100 * time.Millisecond

// shownLines is how many lines that were not stored are told one by one.
const shownLines = 20

// leaveBacklog leaves what comes from standard input.
func (c *cli) leaveBacklog(ctx context.Context, client *chain.Client, l *leaving) (err error) {
	// What is wrong for every line is told once, before the first.
	if err := client.Prepare(ctx, l.user); err != nil {
		return &fault{text: "the server refuses: " + err.Error(), code: exitError}
	}
	keep, done, err := keeper(l.results)
	if err != nil {
		return err
	}
	defer func() {
		if closed := done(); err == nil {
			err = closed
		}
	}()
	var troubles []outcome
	bar := c.bar("leaving", sizeOf(c.in))
	in := &counted{r: c.in, bar: bar}
	var broken error
	sum, err := client.Run(ctx, chain.Backlog{
		Lines: in, User: l.user, Concurrency: l.concurrency,
		Report: func(r chain.LineResult) {
			o := outcome{r.Line, r.Outcome.String(), r.Reference, r.Replayed, r.Code, r.Text, r.Key}
			if r.Invalid != nil {
				o = outcome{Line: r.Line, Outcome: "invalid", Reason: r.Invalid.Error()}
			}
			if r.Outcome != chain.Acked && len(troubles) < shownLines {
				troubles = append(troubles, o)
			}
			if err := keep(o); err != nil && broken == nil {
				broken = err
			}
		},
	})
	bar.finish()
	for _, o := range troubles {
		c.note("line %d: %s: %s", o.Line, o.Outcome, term.Line(strings.TrimSpace(o.Code+" "+o.Reason)))
	}
	if more := sum.Failed() - len(troubles); more > 0 {
		c.note("… and %d more; --results FILE has them all", more)
	}
	if told := c.sum(sum); told != nil {
		return told
	}
	return ending(sum, errors.Join(err, broken))
}

// ending turns the end of a run into the command's.
func ending(sum chain.Summary, err error) error {
	if err != nil {
		return &fault{
			text: err.Error() + ", before the end of the backlog", code: exitError,
			next: "Run the same command on the same file again: what is stored is not stored twice.",
		}
	}
	if sum.Failed() > 0 {
		return silent(exitPartial)
	}
	return nil
}

func (c *cli) sum(s chain.Summary) error {
	if c.json {
		return printJSON(c.out, s)
	}
	refused := s.Failed() - s.Unknown - s.Invalid
	c.say("%d acked, %d had been stored before, %d refused, %d unknown, %d no message", s.Acked, s.Replayed, refused, s.Unknown, s.Invalid)
	for _, reason := range slices.Sorted(maps.Keys(s.Refused)) {
		c.say("  refused %d: %s", s.Refused[reason], term.Line(reason))
	}
	return nil
}

// keeper appends outcomes to a file; to nowhere when it has no name.
func keeper(name string) (keep func(outcome) error, done func() error, err error) {
	if name == "" {
		return func(outcome) error { return nil }, func() error { return nil }, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, err
	}
	w := bufio.NewWriter(f)
	return func(o outcome) error { return printJSON(w, o) },
		func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

// bar shows how far something is: on a terminal only, so that logs stay clean.
type bar struct{ b *progressbar.ProgressBar }

// bar makes one for so many bytes; -1 when nobody knows how many.
func (c *cli) bar(what string, size int64) *bar {
	return c.drawn(what, size, progressbar.OptionShowBytes(true))
}

// tally makes one that counts rows.
func (c *cli) tally(what string) *bar {
	return c.drawn(what, -1, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"))
}

// drawn is a bar where somebody sees it.
func (c *cli) drawn(what string, size int64, more ...progressbar.Option) *bar {
	f, isFile := c.err.(*os.File)
	if !isFile || !xterm.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	return &bar{progressbar.NewOptions64(size, append(
		more,
		progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(refresh),
	)...)}
}

// set says how far it is. A bar that cannot be drawn stops nothing.
func (b *bar) set(done, total int64) {
	if b.b != nil {
		b.b.ChangeMax64(total)
		_ = b.b.Set64(done)
	}
}

func (b *bar) add(n int) {
	if b.b != nil {
		_ = b.b.Add(n)
	}
}

func (b *bar) finish() {
	if b.b != nil {
		_ = b.b.Finish()
	}
}

// counted moves the bar by what is read.
type counted struct {
	r   io.Reader
	bar *bar
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.bar.add(n)
	return n, err
}

// sizeOf is the size of a file, -1 for anything else.
func sizeOf(r io.Reader) int64 {
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return -1
}
