// Command bench measures Afterbeep the way its promises are put: as ratios
// against what the same machine could do at best, in one run, in rounds that
// take turns, so that a noisy minute hits both sides. It starts the real binary
// on fresh folders, loads it with package load, and prints a Markdown report
// for people and JSON lines for machines. It promises to say how each figure
// was made and which targets were missed; it refuses to run servers that it
// did not start. `make bench` calls it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds      int
	seconds     time.Duration
	warm        time.Duration
	connections []int
	full        int // messages in the store that counts as full
	million     int // messages in the store that start is measured on
	drain       int // messages in the backlog that sorting is measured on
	rate        int // messages a second while sorting drains
	only        string
	engines     []string
	agents      int           // at work in the suite of that name
	pace        time.Duration // between two acts of each, on average
	arrivals    int           // messages a second beside them
	cache       string
	scratch     string
	results     string
}

// suites are what is measured, in the order of the report.
var suites = []struct {
	name, what string
	run        func(*bench) error
}{
	{"ceiling", "acknowledged and flushed messages a second against the same server without a journal", (*bench).ceiling},
	{"lone", "one connection alone, against one append with fdatasync", (*bench).lone},
	{"full", "the same rate with millions of messages stored", (*bench).fullStore},
	{"sorting", "how fast a backlog drains, and what that does to those who leave messages", (*bench).sorting},
	{"many", "PostgreSQL, a synchronous standby and two nodes, against SQLite", (*bench).many},
	{"many-sorting", "how fast a backlog drains on PostgreSQL", (*bench).manySorting},
	{"pages", "the first page of the inbox and of searches, of a million messages against ten thousand", (*bench).pages},
	{"desk", "pages of the desk: a million messages with ten thousand open threads against a thousand messages", (*bench).desk},
	{"agents", "two hundred agents at their work, and what that does to those who leave messages", (*bench).agentsAtWork},
	{"agents-pages", "what each of them waited for", func(*bench) error { return nil }},
	{"start", "from the start of the process to ready, memory, size", (*bench).start},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	b, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	for _, s := range suites {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), s.name) {
			continue
		}
		b.say("%s: %s", s.name, s.what)
		if err := b.guard(s.run); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.publish(os.Stdout)
}

func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.Usage = func() { usage(f) }
	f.IntVar(&o.rounds, "rounds", 3, "`rounds` of each comparison, the sides taking turns")
	f.DurationVar(&o.seconds, "time", 8*time.Second, "of each measurement")
	f.DurationVar(&o.warm, "warm", 2*time.Second, "before each measurement")
	connections := f.String("connections", "256,64,1", "keep-alive connections, one figure each")
	f.IntVar(&o.full, "full", 5_000_000, "`messages` in the full store (seeded once and kept in -cache)")
	f.IntVar(&o.million, "stored", 1_000_000, "`messages` in the store that start is measured on")
	f.IntVar(&o.drain, "drain", 300_000, "`messages` in the backlog that sorting drains")
	f.IntVar(&o.rate, "rate", 2_000, "messages a second left while sorting drains")
	f.StringVar(&o.only, "only", "", "`suites` to run, with commas; all when empty")
	f.StringVar(&o.cache, "cache", filepath.Join(os.TempDir(), "afterbeep-bench"), "`folder` for seeded stores")
	f.StringVar(&o.scratch, "scratch", "", "`folder` on the disk to measure; the cache's when empty")
	f.StringVar(&o.results, "results", "bench/results", "`folder` for the report and the JSON lines")
	engines := f.String("engines", "SQLite,PostgreSQL", "of the suites that compare pages, with commas")
	f.IntVar(&o.agents, "agents", staffed, "at work at once, two hundred at most")
	f.DurationVar(&o.pace, "pace", 2*time.Second, "between two acts of an agent, on average")
	f.IntVar(&o.arrivals, "arrivals", 50, "messages a second left beside the agents' work")
	quick := f.Bool("quick", false, "a look instead of a measurement: one short round, small stores")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if *quick {
		o.rounds, o.seconds, o.warm = 1, 2*time.Second, 500*time.Millisecond
		o.full, o.million, o.drain, o.agents = 100_000, 50_000, 50_000, 20
	}
	o.engines = strings.Split(*engines, ",")
	for _, text := range strings.Split(*connections, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-connections %q: numbers with commas", *connections)
		}
		o.connections = append(o.connections, n)
	}
	if o.scratch == "" {
		o.scratch = o.cache
	}
	return o, nil
}

func usage(f *flag.FlagSet) {
	out := f.Output()
	fmt.Fprintln(out, "Usage: go run ./bench [flags]\n\nSuites:")
	for _, s := range suites {
		fmt.Fprintf(out, "  %-12s %s\n", s.name, s.what)
	}
	fmt.Fprintln(out, "\nFlags:")
	f.PrintDefaults()
}

// bench is one run.
type bench struct {
	*options
	ctx     context.Context
	log     io.Writer
	stage   *stage // what a suite started ends with the suite
	run     *stage // what the run started ends with the run
	museum  museum
	records []record
}

func open(ctx context.Context, o *options) (*bench, error) {
	for _, dir := range []string{o.cache, o.scratch} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	scratch, err := os.MkdirTemp(o.scratch, "run-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, ctx: ctx, log: os.Stderr, stage: &stage{dir: scratch}, run: &stage{dir: scratch}}
	b.say("building the binary and its variant with teeth")
	if err := b.build(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(scratch))
	}
	return b, nil
}

func (b *bench) close() {
	b.stage.clear()
	b.run.clear()
	if err := os.RemoveAll(b.stage.dir); err != nil {
		b.say("%v", err)
	}
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// guard runs a suite and ends what it started, however it ends.
func (b *bench) guard(suite func(*bench) error) (err error) {
	defer b.stage.clear()
	defer func() {
		if r := recover(); r != nil {
			failed, ours := r.(failure)
			if !ours {
				panic(r)
			}
			err = failed
		}
	}()
	return suite(b)
}
