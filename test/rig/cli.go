package rig

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Result is what a command left behind.
type Result struct {
	Code           int // -1 when it had to be killed
	Stdout, Stderr string
}

// Exec runs one command of the binary to its end, or to the limit.
func Exec(t testing.TB, o Options, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(o.Limit, time.Minute))
	defer cancel()
	cmd := o.command(ctx, t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: out.String(), Stderr: errs.String()}
}

// Must is Exec for a command that has to succeed; it gives standard output.
func Must(t testing.TB, o Options, args ...string) string {
	t.Helper()
	r := Exec(t, o, args...)
	if r.Code != 0 {
		t.Fatalf("afterbeep %q left with code %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Credentials are what an integrator is given.
type Credentials struct {
	AppKey    string `json:"app_key"`
	AppSecret string `json:"app_secret"`
	ChannelID string `json:"channel_id"`
}

// Provision makes an app and a channel in the data folder.
func Provision(t testing.TB, o Options) Credentials {
	t.Helper()
	var c Credentials
	for _, args := range [][]string{
		{"app", "create", "--name", "Torture", "--json"},
		{"channel", "create", "--name", "Website", "--json"},
	} {
		out := Must(t, o, args...)
		if err := json.Unmarshal([]byte(out), &c); err != nil {
			t.Fatalf("afterbeep %q answered %q: %v", args, out, err)
		}
	}
	if c.AppKey == "" || c.AppSecret == "" || c.ChannelID == "" {
		t.Fatal("app create and channel create told too little: app_key, app_secret or channel_id is missing")
	}
	return c
}

// Message is a stored message as the command line tells it.
type Message struct {
	ID         string `json:"id"`
	Reference  string `json:"reference"`
	ReceivedAt string `json:"received_at"`
	ChannelID  string `json:"channel"`
	CallID     string `json:"call_id"`
	Caller     string `json:"caller"`
	UserID     string `json:"user_id"`
	UserName   string `json:"user_name"`
	Locale     string `json:"locale"`
	Text       string `json:"text"`
	ThreadID   string `json:"thread"`
	State      string `json:"state"`
}

// Messages is everything that is stored, journaled or sorted, whether a server
// runs or not.
func Messages(t testing.TB, o Options) []Message {
	t.Helper()
	return Lines[Message](t, Must(t, o, "messages", "export", "--format", "jsonl"))
}

// TryMessages is Messages for a store that may not answer.
func TryMessages(t testing.TB, o Options) ([]Message, error) {
	t.Helper()
	r := Exec(t, o, "messages", "export", "--format", "jsonl")
	if r.Code != 0 {
		return nil, fmt.Errorf("the export left with code %d: %s", r.Code, r.Stderr)
	}
	return Lines[Message](t, r.Stdout), nil
}

// Lines reads one JSON object a line.
func Lines[T any](t testing.TB, text string) []T {
	t.Helper()
	var all []T
	lines := bufio.NewScanner(bytes.NewReader([]byte(text)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatalf("not a line of JSON: %q: %v", lines.Text(), err)
		}
		all = append(all, one)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Sick runs the doctor, who reads every row and its hash, and gives what he
// finds wrong; the findings that are named are no illness here.
func Sick(t testing.TB, o Options, except ...string) (findings []string) {
	t.Helper()
	said := Exec(t, o, "doctor", "--json")
	for _, f := range Lines[struct {
		Name, Detail string
		OK           bool
	}](t, said.Stdout) {
		if !f.OK && !slices.Contains(except, f.Name) {
			findings = append(findings, f.Name+": "+f.Detail)
		}
	}
	if said.Stdout == "" {
		findings = append(findings, "nothing: "+said.Stderr)
	}
	return findings
}
