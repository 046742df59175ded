package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// record is one figure: a value a round, and the target, if there is one. A
// figure without a target is a detail: What is its column, Row its row.
type record struct {
	Suite  string    `json:"suite"`
	Row    string    `json:"row,omitempty"`
	What   string    `json:"what"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
	Median float64   `json:"median"`
	Target string    `json:"target,omitempty"`
	Met    *bool     `json:"met,omitempty"`

	bound float64
}

func (r *record) atLeast(n float64) { r.Target, r.bound = fmt.Sprintf("≥ %v", n), n }
func (r *record) atMost(n float64)  { r.Target, r.bound = fmt.Sprintf("≤ %v", n), n }

// note keeps figures, and says whether the medians meet their targets.
func (b *bench) note(suite string, all ...record) {
	for _, r := range all {
		r.Suite, r.Median = suite, median(r.Values)
		if r.Target != "" {
			met := r.Median >= r.bound
			if strings.HasPrefix(r.Target, "≤") {
				met = r.Median <= r.bound
			}
			r.Met = &met
		}
		b.records = append(b.records, r)
	}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func values(all []*sample, of func(*sample) float64) []float64 {
	var v []float64
	for _, m := range all {
		v = append(v, of(m))
	}
	return v
}

// ratios divides round by round: what was measured in one minute is compared
// with what was measured in the next.
func ratios(a, b []*sample, of func(*sample) float64) []float64 {
	var v []float64
	for i := range min(len(a), len(b)) {
		v = append(v, of(a[i])/of(b[i]))
	}
	return v
}

func p50(m *sample) float64     { return milliseconds(m.Latency.Quantile(0.5)) }
func p99(m *sample) float64     { return milliseconds(m.Latency.Quantile(0.99)) }
func longest(m *sample) float64 { return milliseconds(m.Latency.Max()) }

// Rate is acknowledged messages a second.
func (m *sample) Rate() float64 { return m.Result.Rate() }

// perFlush is how many messages shared a flush.
func perFlush(m *sample) float64 { return m.counted / max(m.flushes, 1) }

// cost is the server's processor time a message, in microseconds: sorting what
// it had time for included.
func (m *sample) cost() float64 { return float64(m.cpu.Microseconds()) / max(m.counted, 1) }

// String is for the progress on standard error.
func (m *sample) String() string {
	return fmt.Sprintf("%.0f msg/s, p50 %.2f ms, p99 %.2f ms, %.0f µs of the server's processor, %.0f a flush, %d not acknowledged",
		m.Rate(), p50(m), p99(m), m.cost(), perFlush(m), m.Unacked())
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
func mebibytes(n int64) float64            { return float64(n) / (1 << 20) }

// publish prints the report, and leaves it and the JSON lines in the folder of
// results.
func (b *bench) publish(out io.Writer) error {
	if err := os.MkdirAll(b.results, 0o755); err != nil {
		return err
	}
	name := filepath.Join(b.results, time.Now().UTC().Format("20060102-150405"))
	report := b.report()
	var lines strings.Builder
	for _, r := range b.records {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines.Write(append(line, '\n'))
	}
	_, err := io.WriteString(out, report)
	return errors.Join(err, os.WriteFile(name+".md", []byte(report), 0o644), os.WriteFile(name+".jsonl", []byte(lines.String()), 0o644))
}

func (b *bench) report() string {
	var w strings.Builder
	fmt.Fprintf(&w, "## Measured %s\n\n%s\n\n", time.Now().UTC().Format("2006-01-02"), machine(b.scratch))
	w.WriteString("| figure | target | median (lowest–highest) | |\n|---|---|---|---|\n")
	for _, r := range b.records {
		if r.Target != "" {
			verdict := "met"
			if !*r.Met {
				verdict = "**missed**"
			}
			fmt.Fprintf(&w, "| %s | %s | %s | %s |\n", r.What, r.Target, r.spread(), verdict)
		}
	}
	for _, suite := range suites {
		w.WriteString(b.details(suite.name, suite.what))
	}
	fmt.Fprintf(&w, "\n%s\n", b.method())
	return w.String()
}

// details is a suite's table of figures without targets.
func (b *bench) details(suite, title string) string {
	var rows, columns []string
	cells := map[[2]string]string{}
	for _, r := range b.records {
		if r.Suite != suite || r.Target != "" {
			continue
		}
		column := r.What
		if r.Unit != "" {
			column += ", " + r.Unit
		}
		if !slices.Contains(rows, r.Row) {
			rows = append(rows, r.Row)
		}
		if !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
		r.Unit = ""
		cells[[2]string{r.Row, column}] = r.spread()
	}
	if len(rows) == 0 {
		return ""
	}
	var w strings.Builder
	fmt.Fprintf(&w, "\n| %s | %s |\n|---|%s\n", title, strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, row := range rows {
		fmt.Fprintf(&w, "| %s |", row)
		for _, column := range columns {
			fmt.Fprintf(&w, " %s |", cells[[2]string{row, column}])
		}
		w.WriteString("\n")
	}
	return w.String()
}

func (r *record) spread() string {
	if len(r.Values) == 0 {
		return "—" // which is not nought
	}
	show := func(v float64) string {
		switch {
		case v >= 10_000:
			return fmt.Sprintf("%.1fk", v/1000)
		case v >= 100, v == float64(int(v)):
			return fmt.Sprintf("%.0f", v)
		case v >= 10:
			return fmt.Sprintf("%.1f", v)
		}
		return fmt.Sprintf("%.2f", v)
	}
	text := strings.TrimSpace(show(r.Median) + " " + r.Unit)
	if len(r.Values) > 1 {
		text += fmt.Sprintf(" (%s–%s)", show(slices.Min(r.Values)), show(slices.Max(r.Values)))
	}
	return text
}

// method says how the figures were made, for the reader of the report.
func (b *bench) method() string {
	return fmt.Sprintf(`**Method.** One machine, the load beside the server. Rounds: %d, the sides of a comparison taking turns and changing who begins; each measurement lasts %v
after %v of warming up; a ratio is taken round by round, the table shows the median of the rounds and their range. Both sides of "ceiling" are one binary (build tag
teeth), once as it is and once with the journal replaced by nothing: it authenticates, decodes, checks and answers, and stores nothing. Each of their rounds has a fresh
process and a fresh folder; sorting runs beside intake, as it always does. The load is a generator of ours on one thread, with requests prepared in advance (three
headers, four fields, 20 to 200 bytes of English and Chinese), keep-alive connections, the next request on a connection when its answer is there; "a message" is an answer
with resultCode 0. Settings are the defaults, but for the limit a callId (none) and the log level (warn). "While sorting drains" is an open loop of 64 connections:
latency counts from the moment when a request was due. Processor time is that of the server's process.

Pages are asked for over loopback by an agent who signed in through the form, whole, as a browser asks for them (a claim as the scripts send it), from the request to the
last byte: more than the server's time. The two servers are asked in turns, %d times each a round. A page without what was to be on it is an error: fifty rows, the
customer who was looked for, all messages of the thread, a claim that is hers. Both stores have two hundred agents, three channels, callers who wrote five times each, some
threads assigned, claimed, waiting and overdue; in the small one all threads are open, so that its pages are as full. PostgreSQL holds what SQLite does, carried over by
"afterbeep move". Agents at work have a session and a stream each, and rest %v between two acts on average, some ten times faster than people; %d messages a second arrive
meanwhile. A claim is on another screen when its stream has said so, counted from before the claim was sent.`, b.rounds, b.seconds, b.warm, asks, b.pace, b.arrivals)
}

func machine(dir string) string {
	model := "an unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	disk, _ := exec.Command("findmnt", "-no", "FSTYPE", "-T", dir).Output()
	return fmt.Sprintf("%s, %d cores; %s; %s; %s.", model, runtime.NumCPU(), strings.TrimSpace(string(kernel)), strings.TrimSpace(string(disk)), runtime.Version())
}
