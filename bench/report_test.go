package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/bench/load"
)

func TestAReportSaysWhichTargetsWereMissed(t *testing.T) {
	b := &bench{options: &options{rounds: 3, seconds: time.Second, scratch: t.TempDir()}}
	met := record{What: "share", Unit: "×", Values: []float64{0.95, 0.80, 0.91}}
	met.atLeast(0.90)
	missed := record{What: "start", Unit: "ms", Values: []float64{400, 100, 301}}
	missed.atMost(300)
	b.note("ceiling", met, missed, record{Row: "stored", What: "rate", Unit: "msg/s", Values: []float64{12_345, 10_000, 20_000}})
	report := b.report()
	for _, line := range []string{
		"| share | ≥ 0.9 | 0.91 × (0.80–0.95) | met |",
		"| start | ≤ 300 | 301 ms (100–400) | **missed** |",
		"| rate, msg/s |",
		"| stored | 12.3k (10.0k–20.0k) |",
	} {
		if !strings.Contains(report, line) {
			t.Errorf("the report lacks %q:\n%s", line, report)
		}
	}
}

func TestADatabaseThatCannotBeAskedIsNoDatabaseThatDoesNothing(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "postgres://nobody@" + nobody.Addr().String() + "/none?sslmode=disable"
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	b := &bench{ctx: t.Context(), options: &options{rounds: 1, scratch: t.TempDir()}, log: &log}
	c := &crowd{bench: b, server: &server{}}
	c.server.options.Database = url
	intake := &load.Result{Latency: &load.Histogram{}}
	s := &shift{transactions: c.transactions() - c.transactions(), lasted: time.Second, intake: intake, seen: &load.Histogram{}}
	c.noteShifts("PostgreSQL", []*shift{s}, []*load.Result{intake})
	told := 0
	for _, r := range b.records {
		if !strings.HasPrefix(r.What, "transactions") {
			continue
		}
		if told++; len(r.Values) != 0 || r.spread() != "—" {
			t.Errorf("the report says %s of a database that was not asked", r.spread())
		}
	}
	if told != 1 || !strings.Contains(log.String(), "could not be asked") {
		t.Errorf("it is told %d times: %s", told, &log)
	}
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	of := func(s *sample) float64 { return s.counted }
	got := ratios([]*sample{{counted: 10}, {counted: 90}}, []*sample{{counted: 20}, {counted: 100}}, of)
	if len(got) != 2 || got[0] != 0.5 || got[1] != 0.9 || median(got) != 0.7 {
		t.Errorf("ratios %v, median %v", got, median(got))
	}
}

func TestARequestIsWhatTheContractAsksFor(t *testing.T) {
	all, err := requests("here:1", "access", "key", "chat", 20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range all {
		text := string(r)
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		if !strings.HasPrefix(head, "POST /apiaccess/ccmessaging/doLeaveMessage HTTP/1.1\r\nHost: here:1\r\n") || !strings.Contains(body, `"channel":"WEB"`) {
			t.Errorf("%q", text)
		}
		seen[body] = true
	}
	if len(seen) != len(all) {
		t.Error("two requests are the same")
	}
}
