package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options say how the binary is run.
type Options struct {
	Data     string // the data folder; --data
	Database string // the URL of a PostgreSQL as the application's role; "" is SQLite in the data folder
	Migrate  string // the same as the role that owns the tables; "" leaves the schema alone when Database is given
	Tenant   string // for commands; "" is the default one

	Env   []string // added to the environment
	Args  []string // added to the command line
	Wrap  []string // a program that runs the binary, such as strace with its flags
	Teeth string   // promises to break, by the variant that can; "" runs what is shipped
	Ready time.Duration
	// Ready is how long Start waits for /readyz to answer 200: 15 s when zero,
	// not at all when negative.

	Limit time.Duration // for a command of Exec; a minute when zero
}

func (o Options) command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	line := append([]string{}, o.Wrap...)
	if o.Teeth != "" {
		line = append(line, TeethBinary(t))
	} else {
		line = append(line, Binary(t))
	}
	line = append(append(line, args...), o.Args...)
	if o.Data != "" {
		line = append(line, "--data", o.Data)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = o.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// environ is ours without AFTERBEEP_…: those variables are meant for the test,
// and the binary refuses the ones that it does not know.
func (o Options) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "AFTERBEEP_") })
	if o.Teeth != "" {
		env = append(env, "AFTERBEEP_TEETH="+o.Teeth)
	}
	if o.Database != "" { // in the environment: everybody may read a command line
		env = append(env, "AFTERBEEP_DATABASE="+o.Database)
		if o.Migrate != "" {
			env = append(env, "AFTERBEEP_MIGRATE_DATABASE="+o.Migrate)
		} else {
			env = append(env, "AFTERBEEP_NO_MIGRATE=true")
		}
	}
	if o.Tenant != "" {
		env = append(env, "AFTERBEEP_TENANT="+o.Tenant)
	}
	return append(env, o.Env...)
}

// AnyDisk lets the binary run on file systems that it would refuse because it
// cannot trust their flushes, as those of a test.
const AnyDisk = "AFTERBEEP_ALLOW_NETWORK_DISK=true"

// Server is a running afterbeep serve.
type Server struct {
	URL   string        // of the customers' surface, without a slash at the end
	Ops   string        // of /livez, /readyz and /metrics
	PID   int           // of afterbeep itself, also when something wraps it
	Took  time.Duration // from the start of the process until it was ready
	Began time.Time

	cmd    *exec.Cmd
	exited chan struct{}
	log    *journal
}

// Start runs the server and waits until it is ready. The test fails when that
// does not happen, and leaves no process behind.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := TryStart(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TryStart is Start for a server that may refuse.
func TryStart(t testing.TB, o Options) (*Server, error) {
	t.Helper()
	cmd := o.command(context.Background(), t, "serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	s := &Server{cmd: cmd, exited: make(chan struct{}), log: newJournal(), Began: time.Now()}
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.PID = cmd.Process.Pid
	go func() {
		_ = cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(s.Kill9)
	if err := s.await(o); err != nil {
		s.Kill9()
		return nil, fmt.Errorf("%w; its log:\n%s", err, s.Log())
	}
	return s, nil
}

func (s *Server) await(o Options) error {
	patience := o.Ready
	if patience <= 0 {
		patience = 15 * time.Second
	}
	deadline := time.After(patience)
	select {
	case <-s.log.listening:
	case <-s.exited:
		return fmt.Errorf("the server left with code %d before it listened", s.cmd.ProcessState.ExitCode())
	case <-deadline:
		return fmt.Errorf("the server did not listen within %v", patience)
	}
	s.URL, s.Ops = s.log.addresses()
	if len(o.Wrap) > 0 {
		s.PID = childOf(s.cmd.Process.Pid)
	}
	for o.Ready >= 0 && s.Readyz() != http.StatusOK {
		select {
		case <-s.exited:
			return fmt.Errorf("the server left with code %d before it was ready", s.cmd.ProcessState.ExitCode())
		case <-deadline:
			return fmt.Errorf("the server was not ready within %v", patience)
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.Took = time.Since(s.Began)
	return nil
}

// Readyz is the status that /readyz answers now; 0 when nothing answers within
// a second.
func (s *Server) Readyz() int {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(s.Ops + "/readyz")
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// Kill9 ends the process as the kernel's memory killer would, and waits until
// it is gone. It may be called again.
func (s *Server) Kill9() {
	select {
	case <-s.exited:
		return
	default:
	}
	_ = syscall.Kill(s.PID, syscall.SIGKILL)
	if _, gone := s.Wait(3 * time.Second); !gone {
		_ = s.cmd.Process.Kill()
		s.Wait(3 * time.Second)
	}
}

// Term asks the server to drain and leave.
func (s *Server) Term() { _ = syscall.Kill(s.PID, syscall.SIGTERM) }

// Wait gives the exit code (-1 after a signal) once the server has left, or
// false when it has not within the time.
func (s *Server) Wait(patience time.Duration) (code int, left bool) {
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode(), true
	case <-time.After(patience):
		return 0, false
	}
}

// Exited is closed once the server has left.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Log is what the server has written to standard error so far.
func (s *Server) Log() string { return s.log.String() }

// Resident is the server's resident memory in bytes, 0 once it is gone.
func (s *Server) Resident() int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.PID), "statm"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// childOf is the process that parent has started; parent itself when it has
// none.
func childOf(parent int) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		// The name in brackets may hold spaces: what counts stands behind it.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			return pid
		}
	}
	return parent
}

// journal keeps a server's log and notices the line that says where it listens.
type journal struct {
	listening chan struct{}

	mu        sync.Mutex
	text      bytes.Buffer
	read      int // bytes of text that have been looked at
	http, ops string
}

func newJournal() *journal { return &journal{listening: make(chan struct{})} }

// Write keeps a part of the log.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(p)
	for j.http == "" {
		rest := j.text.Bytes()[j.read:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		j.read += end + 1
		var line struct{ Msg, HTTP, Ops string }
		if json.Unmarshal(rest[:end], &line) == nil && line.Msg == "listening" && line.HTTP != "" {
			j.http, j.ops = line.HTTP, line.Ops
			close(j.listening)
		}
	}
	return len(p), nil
}

// String is the log so far.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) addresses() (string, string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return "http://" + j.http, "http://" + j.ops
}
