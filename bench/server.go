package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/bench/load"
	"github.com/afterbeep/afterbeep/test/rig"
)

// plain names no promise, but asks the rig for the variant with teeth: both
// sides of a comparison are then the same binary.
const plain = "none"

// server is one that was started here, with everything that is needed to load it.
type server struct {
	*rig.Server
	options  rig.Options
	creds    rig.Credentials
	requests [][]byte
}

// settings are those of a production server, but for three: no limit a callId,
// since all messages come from here; warnings only, since a log that a benchmark
// reads costs the benchmark; and any free port.
func settings(data, teeth string) rig.Options {
	return rig.Options{
		Data: data, Teeth: teeth, Ready: time.Minute,
		Env: []string{"AFTERBEEP_LIMITS_PER_CALL_ID=0", "AFTERBEEP_LOG_LEVEL=warn"},
	}
}

// fresh starts a server on a new folder.
func (b *bench) fresh(teeth string) (*server, error) {
	o := settings(b.stage.folder(), teeth)
	return b.serve(o, rig.Provision(b.stage, o))
}

// serve starts a server on a folder that is there.
func (b *bench) serve(o rig.Options, creds rig.Credentials) (*server, error) {
	s := &server{Server: rig.Start(b.stage, o), options: o, creds: creds}
	client := rig.NewClient(s.URL, creds)
	defer client.Close()
	access, chat, err := client.Open(b.ctx)
	if err != nil {
		return nil, err
	}
	s.requests, err = requests(s.host(), access, creds.AppKey, chat, 4096)
	return s, err
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

// retire ends the server and removes its folder.
func (s *server) retire() error {
	s.Kill9()
	return os.RemoveAll(s.options.Data)
}

// sample is one measurement of a server under load.
type sample struct {
	*load.Result
	cpu     time.Duration // of the server, while it was measured
	flushes float64
	counted float64 // messages in those flushes, by the server's own count
	peak    int64   // the most resident memory seen, in bytes
}

// measure loads a server. Everything about the server's side (processor time,
// counters) is read around the whole run, warm-up included, and divided by what
// the server itself counted.
func (b *bench) measure(s *server, p load.Plan) (*sample, error) {
	p.Addr, p.Requests = s.host(), s.requests
	if p.Duration == 0 {
		p.Duration, p.Warm = b.seconds, b.warm
	}
	// The load shares the machine: one thread for it, and no collector.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()

	before, err := s.counters()
	if err != nil {
		return nil, err
	}
	cpu := s.cpu()
	watch := s.watch()
	r, err := load.Run(b.ctx, p)
	peak := watch()
	if err != nil {
		return nil, err
	}
	m := &sample{Result: r, cpu: s.cpu() - cpu, peak: peak}
	after, err := s.counters()
	if err != nil {
		return nil, err
	}
	m.take(before, after)
	if r.Acked == 0 {
		return nil, fmt.Errorf("nothing was acknowledged (%d answers of other kinds, %d broken): %s", r.Unacked()-r.Broken, r.Broken, r.Sample)
	}
	return m, nil
}

// take adds what a server counted between two moments.
func (m *sample) take(before, after map[string]float64) {
	m.counted += after["afterbeep_intake_messages_total"] - before["afterbeep_intake_messages_total"]
	m.flushes += after["afterbeep_intake_flushes_total"] - before["afterbeep_intake_flushes_total"]
}

// counters reads /metrics; series of one name are added up.
func (s *server) counters() (map[string]float64, error) {
	res, err := http.Get(s.Ops + "/metrics")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); found && err == nil && !strings.HasPrefix(name, "#") {
			name, _, _ = strings.Cut(name, "{")
			all[name] += v
		}
	}
	return all, lines.Err()
}

// backlog is how many messages wait to be sorted.
func (s *server) backlog() (int, error) {
	all, err := s.counters()
	if err != nil {
		return 0, err
	}
	n, known := all[backlogMetric]
	if !known {
		return 0, errors.New("the server does not tell " + backlogMetric)
	}
	return int(n), nil
}

const backlogMetric = "afterbeep_backlog_messages"

// drained waits until nothing waits to be sorted.
func (s *server) drained(b *bench, patience time.Duration) error {
	return s.gone(b, patience, backlogMetric)
}

// indexed waits until everything can be found by its words.
func (s *server) indexed(b *bench, patience time.Duration) error {
	select { // a server that has just started does not know yet how far it is behind
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(3 * time.Second):
	}
	return s.gone(b, patience, "afterbeep_search_behind_events")
}

// gone waits until a gauge is at 0.
func (s *server) gone(b *bench, patience time.Duration, gauge string) error {
	deadline := time.Now().Add(patience)
	for {
		all, err := s.counters()
		if err != nil {
			return err
		}
		n, known := all[gauge]
		if !known {
			return errors.New("the server does not tell " + gauge)
		}
		if n == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is still %.0f after %v", gauge, n, patience)
		}
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// cpu is the processor time that the process has used.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.PID), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100 // USER_HZ
}

// watch samples the resident memory until the function it returns is called,
// which gives the most that was seen.
func (s *server) watch() func() int64 {
	stop, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := s.Resident()
		for {
			select {
			case <-stop:
				peak <- max(most, s.Resident())
				return
			case <-time.After(100 * time.Millisecond):
				most = max(most, s.Resident())
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-peak
	}
}
