package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "afterbeep.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func load(t *testing.T, file string, environ []string, flags map[string]string) Settings {
	t.Helper()
	s, err := Load(file, environ, flags)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantSentence holds an error against the house's rule: one sentence that says
// what it is about.
func wantSentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	if desk.KindOf(err) != desk.Invalid {
		t.Errorf("kind %v of %v, want invalid", desk.KindOf(err), err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has more than one line", err)
	}
}

func TestTheDefaultsAreTheDocumentedOnesAndSafe(t *testing.T) {
	want := Settings{
		Listen: "127.0.0.1:8080", OpsListen: "127.0.0.1:8081", Data: "./afterbeep-data", LogLevel: "info",
		Limits: Limits{
			PerCallID: 600, WrongSecrets: 10, TokensPerMinute: 600, Body: 65536, Headers: 16384,
			Connections: 4000, DescriptorReserve: 64,
		},
		Timeouts: Timeouts{
			Header: 5 * time.Second, Body: 10 * time.Second, Write: 25 * time.Second,
			Idle: 2 * time.Minute, Drain: 10 * time.Second,
		},
		Intake: Intake{
			Batch: 1024, Queue: 4096, Linger: 4 * time.Millisecond,
			MaxWait: 700 * time.Millisecond, AckTimeout: 10 * time.Second,
		},
		Proxy: Proxy{Header: XForwardedFor},
		OIDC:  OIDC{Tenant: "default"},
		Postgres: Postgres{
			Connections: 16, Committers: 3, Listen: true,
			ConnectTimeout: 5 * time.Second, StatementTimeout: 30 * time.Second,
		},
		AccessTTL: time.Hour, SnapshotMaxAge: 15 * time.Second,
	}
	got := load(t, "", nil, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestFlagsWinOverVariablesOverTheFileOverDefaults(t *testing.T) {
	file := write(t, "listen: 127.0.0.1:1\nlog_level: warn\ndata: /file\nlimits:\n  body: 20000\ntimeouts:\n  idle: 30s\n")
	s, all, err := Trace(file,
		[]string{"AFTERBEEP_LISTEN=127.0.0.1:2", "AFTERBEEP_DATA=/env", "AFTERBEEP_LIMITS_HEADERS=8192", "HOME=/root"},
		map[string]string{"listen": "127.0.0.1:3"})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Listen, want.Data, want.LogLevel = "127.0.0.1:3", "/env", "warn"
	want.Limits.Body, want.Limits.Headers, want.Timeouts.Idle = 20000, 8192, 30*time.Second
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	got := map[string]string{}
	for _, e := range all {
		got[e.Key] = e.Value + " from " + e.Source
	}
	for key, want := range map[string]string{
		"listen":         "127.0.0.1:3 from --listen",
		"data":           "/env from AFTERBEEP_DATA",
		"log_level":      "warn from " + file + ":2",
		"limits.body":    "20000 from " + file + ":5",
		"limits.headers": "8192 from AFTERBEEP_LIMITS_HEADERS",
		"timeouts.idle":  "30s from " + file + ":7",
		"timeouts.drain": "10s from default",
		"ops_public":     "false from default",
	} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}
}

func TestTheVariableAFTERBEEP_CONFIGNamesTheFileUnlessTheFlagDoes(t *testing.T) {
	one, two := write(t, "log_level: warn\n"), write(t, "log_level: error\n")
	if s := load(t, "", []string{"AFTERBEEP_CONFIG=" + one}, nil); s.LogLevel != "warn" {
		t.Errorf("log_level %q, want the file's", s.LogLevel)
	}
	if s := load(t, two, []string{"AFTERBEEP_CONFIG=" + one}, nil); s.LogLevel != "error" {
		t.Errorf("log_level %q, want the flag's file's", s.LogLevel)
	}
}

func TestAWrongFileIsRefusedWithItsNameAndLine(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		parts []string
	}{
		"unknown key":         {"listen: :1\nlisten_on: :2\n", []string{":2: ", `"listen_on"`, `"listen"`}},
		"unknown nested key":  {"limits:\n  boddy: 1\n", []string{":2: ", `"boddy"`, `"body"`}},
		"duplicate key":       {"listen: a\nlisten: b\n", []string{":2: ", "already"}},
		"number for duration": {"timeouts:\n  idle: 120\n", []string{":2: ", `"120"`, "unit"}},
		"text for number":     {"limits:\n  body: big\n", []string{":2: ", `"big"`, "whole number"}},
		"text for section":    {"limits: none\n", []string{":1: ", `"none"`, "keys and values"}},
		"no value":            {"data:\n", []string{":1: ", "data has no value"}},
		"empty section":       {"listen: a\nlimits:\n", []string{":2: ", "limits has no value"}},
		"two documents":       {"log_level: warn\n---\nlisten: a\n", []string{"more than one document"}},
		"no YAML":             {"listen: [\n", []string{"afterbeep.yaml"}},
		"a list":              {"- listen\n", []string{":1: ", "keys and values"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, c.text)
			_, err := Load(file, nil, nil)
			wantSentence(t, err, c.parts...)
			wantSentence(t, err, file)
		})
	}
}

func TestAnEmptyFileAndOneOfCommentsSayNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n"} {
		if got := load(t, write(t, text), nil, nil); got != Defaults() {
			t.Errorf("%q changed the defaults", text)
		}
	}
}

func TestAFileThatIsNotThereOrIsHugeIsRefused(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil, nil)
	wantSentence(t, err, "none.yaml", "cannot be read")
	_, err = Load(write(t, strings.Repeat("# x\n", maxFile/4+1)), nil, nil)
	wantSentence(t, err, "larger than 1 MiB")
}

func TestAnUnknownVariableIsRefusedWithTheNearestName(t *testing.T) {
	for variable, nearest := range map[string]string{
		"AFTERBEEP_LISTN=x":           "AFTERBEEP_LISTEN?",
		"AFTERBEEP_LIMIT_BODY=1":      "AFTERBEEP_LIMITS_BODY?",
		"AFTERBEEP_TIMEOUT_DRAIN=1s":  "AFTERBEEP_TIMEOUTS_DRAIN?",
		"AFTERBEEP_LISTEN_PORT=8080":  "AFTERBEEP_LISTEN?",
		"AfterBeep_Data=x":            "AFTERBEEP_DATA?",
		"AFTERBEEP_=x":                "AFTERBEEP_",
		"AFTERBEEP_APPSECRET=hunter2": "AFTERBEEP_APP_SECRET?",
	} {
		_, err := Load("", []string{variable}, nil)
		name, value, _ := strings.Cut(variable, "=")
		wantSentence(t, err, name, nearest)
		if value == "hunter2" && strings.Contains(err.Error(), value) {
			t.Errorf("%q tells the value of a variable that may be a secret", err)
		}
	}
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	environ := []string{
		"PATH=/bin", "BEEP_AFTER=1", "AFTERBEEP_TEETH=no-hash", "AFTERBEEP_APP_SECRET=s",
		// What Kubernetes sets beside a service that is called afterbeep, or afterbeep-ops.
		"AFTERBEEP_SERVICE_HOST=10.0.0.7", "AFTERBEEP_SERVICE_PORT=8080", "AFTERBEEP_SERVICE_PORT_HTTP=8080",
		"AFTERBEEP_PORT=tcp://10.0.0.7:8080", "AFTERBEEP_PORT_8080_TCP=tcp://10.0.0.7:8080",
		"AFTERBEEP_PORT_8080_TCP_ADDR=10.0.0.7", "AFTERBEEP_OPS_SERVICE_HOST=10.0.0.8", "AFTERBEEP_OPS_PORT=tcp://10.0.0.8:1",
	}
	if got := load(t, "", environ, nil); got != Defaults() {
		t.Error("a variable of somebody else changed a setting")
	}
}

func TestAValueThatCannotBeReadIsRefusedWithItsSource(t *testing.T) {
	for variable, part := range map[string]string{
		"AFTERBEEP_LIMITS_BODY=64k":     "whole number",
		"AFTERBEEP_LIMITS_BODY=":        "whole number",
		"AFTERBEEP_TIMEOUTS_IDLE=120":   "duration with its unit",
		"AFTERBEEP_OPS_PUBLIC=perhaps":  "true or false",
		"AFTERBEEP_LIMITS_PER_APP=9e99": "whole number",
	} {
		_, err := Load("", []string{variable}, nil)
		name, _, _ := strings.Cut(variable, "=")
		wantSentence(t, err, name, part)
	}
	_, err := Load("", nil, map[string]string{"timeouts-idle": "soon"})
	wantSentence(t, err, "--timeouts-idle", `"soon"`)
	_, err = Load("", nil, map[string]string{"tea": "soon"})
	wantSentence(t, err, "--tea")
}

func TestAnEmptyTextIsAValueAndNotTheDefault(t *testing.T) {
	wantSentence(t, load(t, "", nil, map[string]string{"data": ""}).Check(), "data is empty")
	s := load(t, write(t, "base_path: /aicc\n"), []string{"AFTERBEEP_BASE_PATH="}, nil)
	if s.BasePath != "" {
		t.Errorf("base_path %q, want the variable's empty one", s.BasePath)
	}
}
