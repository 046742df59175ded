package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// ran is what a command left behind.
type ran struct {
	code     int
	out, err string
}

// shell runs commands in this process on one data folder, with no environment
// but what is set here.
type shell struct {
	t       *testing.T
	data    string
	environ []string
	in      io.Reader
}

func newShell(t *testing.T) *shell {
	return &shell{t: t, data: filepath.Join(t.TempDir(), "data"), in: strings.NewReader("")}
}

func (s *shell) run(args ...string) ran {
	s.t.Helper()
	return s.bare(append(args, "--data", s.data)...)
}

// bare is run without --data.
func (s *shell) bare(args ...string) ran {
	var out, err bytes.Buffer
	c := &cli{in: s.in, out: &out, err: &err, environ: s.environ, now: time.Now}
	code := c.main(s.t.Context(), args)
	return ran{code, out.String(), err.String()}
}

// must runs a command that has to succeed and gives its standard output.
func (s *shell) must(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.code != 0 {
		s.t.Fatalf("%q left with code %d\n%s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

// fails runs a command that has to fail with the code and say the parts.
func (s *shell) fails(code int, parts []string, args ...string) {
	s.t.Helper()
	r := s.run(args...)
	if r.code != code {
		s.t.Errorf("%q left with code %d, want %d", args, r.code, code)
	}
	if !strings.HasPrefix(r.err, "afterbeep: ") || strings.Count(r.err, "\n") > 2 {
		s.t.Errorf("%q said %q, not one sentence and what to do next", args, r.err)
	}
	for _, part := range parts {
		if !strings.Contains(r.err, part) {
			s.t.Errorf("%q said %q, without %q", args, r.err, part)
		}
	}
}

// objects reads one JSON object a line.
func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q is no JSON: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

// served is a server that runs in this process.
type served struct {
	url  string
	out  *watched
	stop func() int // ends it and gives its exit code
}

// serve starts a command that serves, and waits until standard output or
// standard error has what until finds.
func (s *shell) serve(until string, args ...string) *served {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	out := &watched{until: until, found: make(chan struct{})}
	c := &cli{in: strings.NewReader(""), out: out, err: out, environ: s.environ, now: time.Now}
	code := make(chan int, 1)
	go func() { code <- c.main(ctx, args) }()
	v := &served{out: out, stop: sync.OnceValue(func() int { cancel(); return <-code })}
	s.t.Cleanup(func() { v.stop() })
	select {
	case <-out.found:
	case left := <-code:
		code <- left
		s.t.Fatalf("%q left with code %d:\n%s", args, left, out)
	case <-time.After(30 * time.Second):
		s.t.Fatalf("%q never said %q:\n%s", args, until, out)
	}
	_, rest, _ := strings.Cut(out.String(), "Afterbeep listens on ")
	v.url, _, _ = strings.Cut(rest, "\n")
	return v
}

// watched keeps what is written and notices a text in it.
type watched struct {
	until string
	found chan struct{}

	mu   sync.Mutex
	text strings.Builder
	done bool
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if !w.done && strings.Contains(w.text.String(), w.until) {
		w.done = true
		close(w.found)
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// every calls do with each command of ours, and its path.
func every(t *testing.T, do func(path string, cmd *cobra.Command)) {
	t.Helper()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		do(cmd.CommandPath(), cmd)
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk((&cli{out: io.Discard, err: io.Discard}).root())
}

func TestEveryCommandHasExamplesThatAreCommands(t *testing.T) {
	every(t, func(path string, cmd *cobra.Command) {
		if cmd.Example == "" || cmd.Short == "" {
			t.Errorf("%s has no example or no short text", path)
		}
		for line := range strings.Lines(cmd.Example) {
			_, words, found := strings.Cut(strings.TrimSpace(line), "afterbeep ")
			if !found {
				t.Errorf("%s: the example %q does not call afterbeep", path, line)
				continue
			}
			called, _, err := (&cli{}).root().Find(strings.Fields(words))
			if err != nil || called.CommandPath() == "afterbeep" {
				t.Errorf("%s: the example %q calls no command", path, line)
			}
		}
	})
}

func TestEveryListingHasJSON(t *testing.T) {
	listings := map[string]bool{}
	every(t, func(path string, cmd *cobra.Command) {
		switch cmd.Name() {
		case "list", "show", "export", "doctor", "config", "version", "create", "rotate", "leave":
			if cmd.Flags().Lookup("json") == nil && !cmd.HasSubCommands() {
				t.Errorf("%s has no --json", path)
			}
			listings[path] = true
		}
	})
	if len(listings) < 14 {
		t.Errorf("only %d listings were found", len(listings))
	}
}

func TestTheCommandsOfThePlanAreThere(t *testing.T) {
	have := map[string]bool{}
	every(t, func(path string, _ *cobra.Command) { have[strings.TrimPrefix(path, "afterbeep ")] = true })
	for _, want := range strings.Split("serve,demo,app create,app list,app set,app rotate,app disable,app enable,"+
		"channel create,channel list,channel set,channel disable,channel enable,tenant create,tenant list,leave,"+
		"messages list,messages show,messages export,threads list,threads show,threads close,"+
		"backup,restore,move,migrate,database shards,doctor,config,version", ",") {
		if !have[want] {
			t.Errorf("there is no command %q", want)
		}
	}
}

func TestShellsAreCompleted(t *testing.T) {
	s := newShell(t)
	for _, kind := range []string{"bash", "zsh", "fish", "powershell"} {
		if script := s.must("completion", kind); !strings.Contains(script, "afterbeep") {
			t.Errorf("no completion for %s", kind)
		}
	}
	if r := s.bare("__complete", "messages", "list", "--state", ""); !strings.HasPrefix(r.out, "stored\nnew\n") {
		t.Errorf("states are completed as %q", r.out)
	}
}

func TestHelpShowsEverySettingOfTheServer(t *testing.T) {
	help := newShell(t).must("serve", "--help")
	for _, part := range []string{
		"--listen", "AFTERBEEP_LIMITS_BODY", "(default 65536)", "16384 to 1048576", "--ops-public", "AFTERBEEP_TIMEOUTS_DRAIN_DELAY", "--data",
	} {
		if !strings.Contains(help, part) {
			t.Errorf("serve --help does not say %q", part)
		}
	}
}

func TestWhatIsTypedWronglyIsExitCode2AndSaysWhatWasMeant(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct {
		part string
		args []string
	}{
		{`did you mean "afterbeep serve"`, []string{"sevre"}},
		{`did you mean "afterbeep app create"`, []string{"app", "creat"}},
		{"unknown flag: --nam", []string{"app", "create", "--nam", "x"}},
		{"--name is missing", []string{"channel", "create"}},
		{"the message's ID or reference is missing", []string{"messages", "show"}},
		{`"y" is one argument too many`, []string{"threads", "show", "x", "y"}},
		{"18 digits", []string{"channel", "create", "--name", "x", "--id", "12"}},
		{"--format", []string{"messages", "list", "--format", "xml"}},
		{"--since", []string{"messages", "list", "--since", "yesterday"}},
		{"still to come", []string{"messages", "list", "--since", "2999-01-01"}},
		{"state is one of stored, new", []string{"messages", "list", "--state", "lost"}},
		{"state is one of new", []string{"threads", "list", "--state", "stored"}},
		{"--limit", []string{"messages", "list", "--limit", "-1"}},
		{"ops_listen", []string{"serve", "--ops-listen", "0.0.0.0:0"}},
		{"limits.body", []string{"serve", "--limits-body", "1"}},
		{"--limits-body", []string{"serve", "--limits-body", "big"}},
		{"--grace", []string{"app", "rotate", "x", "--grace", "-1h"}},
		{"--per-minute", []string{"app", "create", "--name", "x", "--per-minute", "-1"}},
		{"nothing to change", []string{"app", "set", "x"}},
		{"--app-key is missing", []string{"leave", "--caller", "1", "--text", "x"}},
	} {
		s.fails(exitUsage, []string{c.part}, c.args...)
	}
	s.environ = []string{"AFTERBEEP_LISTNE=x"}
	for _, command := range []string{"serve", "config", "doctor"} {
		s.fails(exitUsage, []string{"AFTERBEEP_LISTNE", "AFTERBEEP_LISTEN"}, command)
	}
}

func TestErrorsOfServeAreOneLine(t *testing.T) {
	s := newShell(t)
	if err := os.WriteFile(s.data, []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.run("serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	if r.code == 0 || strings.Count(r.err, "\n") != 1 {
		t.Errorf("code %d, %q", r.code, r.err)
	}
}

func TestTheConfigCommandTellsValuesAndTheirSources(t *testing.T) {
	s := newShell(t)
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte("limits:\n  body: 20000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.environ = []string{"AFTERBEEP_LOG_LEVEL=warn"}
	got := map[any]string{}
	for _, o := range objects(t, s.must("config", "--json", "--config", file, "--listen", "127.0.0.1:1")) {
		got[o["key"]] = o["value"].(string) + " " + o["source"].(string)
	}
	for key, want := range map[string]string{
		"limits.body": "20000 " + file + ":2", "log_level": "warn AFTERBEEP_LOG_LEVEL",
		"listen": "127.0.0.1:1 --listen", "timeouts.idle": "2m default", "data": s.data + " --data",
	} {
		if got[key] != want {
			t.Errorf("%s: %q, want %q", key, got[key], want)
		}
	}
	s.fails(exitUsage, []string{"log_level"}, "config", "--log-level", "loud")
}

func TestTheVersionTellsTheEngine(t *testing.T) {
	v := objects(t, newShell(t).must("version", "--json"))[0]
	if !strings.HasPrefix(v["engine"].(string), "SQLite 3.") || v["version"] == "" || !strings.HasPrefix(v["go"].(string), "go1.") {
		t.Errorf("version is %v", v)
	}
}
