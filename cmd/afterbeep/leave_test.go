package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// house is a server with an app and a channel, and a shell whose environment
// names them.
func house(t *testing.T) (*shell, *served) {
	s := newShell(t)
	app := objects(t, s.must("app", "create", "--name", "A", "--json"))[0]
	channel := objects(t, s.must("channel", "create", "--name", "Website", "--json"))[0]
	v := s.serve("Ctrl-C", "serve", "--data", s.data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--log-level", "error")
	s.environ = []string{
		"AFTERBEEP_URL=" + v.url, "AFTERBEEP_APP_KEY=" + app["app_key"].(string),
		"AFTERBEEP_APP_SECRET=" + app["app_secret"].(string), "AFTERBEEP_CHANNEL_ID=" + channel["channel_id"].(string),
	}
	return s, v
}

func TestAMessageIsLeftListedShownExportedAndClosed(t *testing.T) {
	s, v := house(t)
	if !strings.Contains(v.out.String(), `"msg":"listening"`) {
		t.Errorf("the log does not say where it listens: %s", v.out)
	}
	left := objects(t, s.must("leave", "--caller", "138 6666 7777", "--text", "=1+1\n请回电", "--user-name", "李伟", "--json"))[0]
	if left["outcome"] != "acked" || left["reference"] == "" {
		t.Fatalf("left %v", left)
	}
	reference := left["reference"].(string)

	line := s.must("messages", "list", "--json")
	keys := []string{
		"id", "reference", "received_at", "tenant", "channel", "call_id", "caller",
		"user_id", "user_name", "locale", "text", "thread", "state",
	}
	at := 0
	for _, key := range keys {
		next := strings.Index(line[at:], fmt.Sprintf("%q:", key))
		if next < 0 {
			t.Fatalf("%s is missing or out of order in %s", key, line)
		}
		at += next
	}
	m := objects(t, line)[0]
	if m["text"] != "=1+1\n请回电" || m["caller"] != "138 6666 7777" || m["user_name"] != "李伟" || m["reference"] != reference {
		t.Errorf("listed %v", m)
	}
	if stamp := m["received_at"].(string); len(stamp) != len("2026-01-31T09:00:00.000000Z") || !strings.HasSuffix(stamp, "Z") {
		t.Errorf("received_at %q", stamp)
	}
	if out := s.must("messages", "show", strings.ToLower(reference)); !strings.Contains(out, "  =1+1\n  请回电\n") {
		t.Errorf("shown as\n%s", out)
	}
	for filter, found := range map[string]bool{
		"--caller 13866667777": true, "--caller 13800000000": false, "--channel Website": true,
		"--since 1h": true, "--state closed": false, "--limit 1": true,
	} {
		out := s.must(append([]string{"messages", "list", "--json"}, strings.Fields(filter)...)...)
		if (out != "") != found {
			t.Errorf("%s lists %q", filter, out)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(s.must("messages", "export", "--format", "csv", "--bom"))).ReadAll()
	if err != nil || rows[0][0] != "\ufeffid" || !slices.Equal(rows[0][1:], keys[1:]) || rows[1][10] != "'=1+1\n请回电" {
		t.Errorf("exported %q, %v", rows, err)
	}
	if out := s.must("messages", "export", "--format", "json"); !strings.HasPrefix(out, "[{") || !strings.HasSuffix(out, "}\n]\n") {
		t.Errorf("exported %s", out)
	}
	closeThread(t, s)
}

// closeThread waits until the message is sorted, which takes a moment.
func closeThread(t *testing.T, s *shell) {
	t.Helper()
	var threads []map[string]any
	for range 1000 {
		if threads = objects(t, s.must("threads", "list", "--json", "--state", "new")); len(threads) == 1 {
			break
		}
	}
	if len(threads) != 1 {
		t.Fatalf("threads %v", threads)
	}
	id := threads[0]["id"].(string)
	s.must("threads", "close", id, "--reason", "called back")
	shown := objects(t, s.must("threads", "show", id, "--json"))[0]
	thread, events := shown["thread"].(map[string]any), shown["events"].([]any)
	if thread["state"] != "closed" || thread["reason"] != "called back" || len(shown["messages"].([]any)) != 1 || len(events) != 2 {
		t.Errorf("shown %v", shown)
	}
	if out := s.must("threads", "show", id); !strings.Contains(out, "closed because: called back") || !strings.Contains(out, "thread.closed") {
		t.Errorf("shown as\n%s", out)
	}
	s.fails(exitError, []string{"there is no thread 1"}, "threads", "show", "1")
}

func TestABacklogIsMovedInOnceHoweverOftenItIsRun(t *testing.T) {
	s, v := house(t)
	var backlog strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&backlog, `{"callId":"c%d","caller":"138%08d","leaveMessage":"message %d 请回电"}`+"\n", i%40, i%300, i)
	}
	backlog.WriteString("nonsense\n{\"callId\":\"1\",\"caller\":\"1\",\"leaveMessage\":\"x\",\"channel\":\"FAX\"}\n")
	results := filepath.Join(t.TempDir(), "results.jsonl")
	leave := func() ran {
		s.in = strings.NewReader(backlog.String())
		return s.run("leave", "--concurrency", "32", "--results", results, "--json", "-")
	}
	for round, want := range []string{
		`{"acked":1200,"replayed":0,"refused":{"3 the leaveMessageParams is error.":1},"unknown":0,"invalid":1}`,
		`{"acked":0,"replayed":1200,"refused":{"3 the leaveMessageParams is error.":1},"unknown":0,"invalid":1}`,
	} {
		r := leave()
		if strings.TrimSpace(r.out) != want || r.code != exitPartial {
			t.Errorf("round %d: %s%s, code %d", round, r.out, r.err, r.code)
		}
		if !strings.Contains(r.err, "line 1201: invalid") || !strings.Contains(r.err, "line 1202: refused") {
			t.Errorf("round %d does not name the lines: %s", round, r.err)
		}
	}
	raw, err := os.ReadFile(results)
	if err != nil || bytes.Count(raw, []byte("\n")) != 2*1202 {
		t.Errorf("%d results, %v", bytes.Count(raw, []byte("\n")), err)
	}
	// More than two pages, each message once.
	file := filepath.Join(t.TempDir(), "all.jsonl")
	s.must("messages", "export", "--output", file)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the export is %v, %v", info, err)
	}
	raw, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[any]bool{}
	for _, m := range objects(t, string(raw)) {
		ids[m["id"]] = true
	}
	if len(ids) != 1200 {
		t.Errorf("%d messages exported, want 1200", len(ids))
	}
	if out := s.must("messages", "list", "--json", "--limit", "700"); strings.Count(out, "\n") != 700 {
		t.Errorf("--limit 700 lists %d", strings.Count(out, "\n"))
	}
	if r := s.run("messages", "list"); strings.Count(r.out, "\n") != 51 || !strings.Contains(r.err, "newest 50") {
		t.Errorf("a table has %d lines and says %q", strings.Count(r.out, "\n"), r.err)
	}
	if code := v.stop(); code != 0 {
		t.Errorf("the server left with code %d", code)
	}
}

func TestLeaveTellsRefusalsAndNeverTheSecret(t *testing.T) {
	s, _ := house(t)
	s.fails(exitPartial, []string{"not stored", "leaveMessageParams"}, "leave", "--caller", "a\x01", "--text", "x")
	s.fails(exitPartial, []string{"401"}, "leave", "--caller", "1", "--text", "x", "--app-secret", "hunter2hunter2")
	s.in = strings.NewReader("{}\n")
	s.fails(exitError, []string{"refuses"}, "leave", "--app-secret", "hunter2hunter2", "-")
	s.fails(exitUsage, []string{"--plain-http"}, "leave", "--url", "http://example.com", "--caller", "1", "--text", "x")
	s.fails(exitUsage, []string{"cannot be both"}, "leave", "--app-secret-file", "-", "-")
	for _, r := range []ran{
		s.run("leave", "--caller", "1", "--text", "x", "--app-secret", "hunter2hunter2"),
		s.run("leave", "--help"), s.run("config", "--json"),
	} {
		if strings.Contains(r.out+r.err, "hunter2hunter2") || strings.Contains(r.out+r.err, s.environ[2][len("AFTERBEEP_APP_SECRET="):]) {
			t.Errorf("the secret is told: %s%s", r.out, r.err)
		}
	}
	// From a file, and from standard input.
	secret := strings.TrimPrefix(s.environ[2], "AFTERBEEP_APP_SECRET=")
	s.environ[2] = "HOME=/nowhere"
	s.fails(exitUsage, []string{"AFTERBEEP_APP_SECRET"}, "leave", "--caller", "1", "--text", "x")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("leave", "--caller", "1", "--text", "x", "--app-secret-file", file)
	s.in = strings.NewReader(secret)
	s.must("leave", "--caller", "1", "--text", "x", "--app-secret-file", "-")
}

func TestTheDemoLeavesItsMessagesAndItsCurlLinesLeaveAnother(t *testing.T) {
	s := newShell(t)
	v := s.serve("Ctrl-C ends it", "demo", "--data", s.data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	var script []string
	for line := range strings.Lines(v.out.String()) {
		if strings.HasPrefix(line, "ACCESS=") || strings.HasPrefix(line, "TOKEN=") || strings.HasPrefix(line, "curl ") {
			script = append(script, line)
		}
	}
	want := 8
	if len(script) != 3 {
		t.Fatalf("%d curl lines in\n%s", len(script), v.out)
	}
	if _, err := exec.LookPath("curl"); err == nil {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", strings.Join(script, "")).CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"resultCode":"0"`) {
			t.Errorf("the curl lines answered %s, %v", out, err)
		}
		want++
	}
	if n := len(objects(t, s.must("messages", "list", "--json"))); n != want {
		t.Errorf("%d messages, want %d", n, want)
	}
	if code := v.stop(); code != 0 {
		t.Errorf("the demo left with code %d", code)
	}
	// Once more on the same folder, where its app and channel are already.
	again := s.serve("Ctrl-C ends it", "demo", "--data", s.data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	again.stop()
	if n := len(objects(t, s.must("messages", "list", "--json"))); n != want+8 {
		t.Errorf("%d messages after a second demo, want %d", n, want+8)
	}
}

func TestADemoWithoutAFolderLeavesNothingBehindAndTakesAFreePort(t *testing.T) {
	s := newShell(t)
	t.Setenv("TMPDIR", t.TempDir())
	s.environ = []string{"AFTERBEEP_DATA=" + s.data} // a real folder, which a demo must not touch
	first := s.serve("Ctrl-C ends it", "demo", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	taken := strings.TrimPrefix(first.url, "http://")
	second := s.serve("Ctrl-C ends it", "demo", "--listen", taken, "--ops-listen", "127.0.0.1:0")
	if !strings.Contains(second.out.String(), taken+" is taken") || second.url == first.url {
		t.Errorf("the second demo says\n%s", second.out)
	}
	first.stop()
	second.stop()
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(s.data); !os.IsNotExist(err) {
		t.Errorf("the demo touched the data folder: %v", err)
	}
}

func TestAnExportIsCompleteOrNotThere(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "out.csv")
	if err := os.WriteFile(name, []byte("the old one"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := whole(name, func(w io.Writer) (int, error) {
		io.WriteString(w, "half")
		return 0, io.ErrUnexpectedEOF
	})
	raw, _ := os.ReadFile(name)
	files, _ := os.ReadDir(folder)
	if err == nil || string(raw) != "the old one" || len(files) != 1 {
		t.Errorf("%v; the file holds %q, the folder %v", err, raw, files)
	}
}

func TestAQuotedWordIsOneWordForAShell(t *testing.T) {
	for _, s := range []string{"", "a", "a b", "it's", "$(reboot)", "`x`", "*", "a\nb", "--data", "你好", "\\"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q became %q, %v", s, out, err)
		}
	}
}

func TestSinceNeverPanicsAndLooksBack(t *testing.T) {
	now := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, back := range map[string]string{"24h": "24h0m0s", "7d": "168h0m0s", "2w": "336h0m0s", "90m": "1h30m0s"} {
		at, err := since(text, now)
		if err != nil || now.Sub(at).String() != back {
			t.Errorf("%s looks back %v, %v", text, now.Sub(at), err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at, err := since(rapid.String().Draw(t, "text"), now)
		if err == nil && at.After(now) {
			t.Fatalf("it looks forward to %v", at)
		}
	})
}
