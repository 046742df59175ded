package config

import (
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestUnsafeSettingsAreRefusedWithTheKeyTheValueAndTheRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		parts  []string
	}{
		"ops for everybody":      {func(s *Settings) { s.OpsListen = "0.0.0.0:8081" }, []string{"ops_listen", "0.0.0.0:8081", "--ops-public"}},
		"ops without host":       {func(s *Settings) { s.OpsListen = ":8081" }, []string{"ops_listen", "ops_public"}},
		"ops on IPv6":            {func(s *Settings) { s.OpsListen = "[::]:8081" }, []string{"ops_listen"}},
		"ops on a name":          {func(s *Settings) { s.OpsListen = "localhost.example.com:8081" }, []string{"ops_listen"}},
		"one port for two":       {func(s *Settings) { s.OpsListen = s.Listen }, []string{"ops_listen", "another port"}},
		"no port":                {func(s *Settings) { s.Listen = "127.0.0.1" }, []string{"listen", "127.0.0.1:8080"}},
		"port by name":           {func(s *Settings) { s.Listen = "127.0.0.1:http" }, []string{"listen"}},
		"port too large":         {func(s *Settings) { s.Listen = "127.0.0.1:65536" }, []string{"listen"}},
		"a URL":                  {func(s *Settings) { s.Listen = "http://127.0.0.1:80" }, []string{"listen"}},
		"no data":                {func(s *Settings) { s.Data = " " }, []string{"data", "./afterbeep-data"}},
		"data with a query":      {func(s *Settings) { s.Data = "d?mode=memory" }, []string{"data"}},
		"base path unrooted":     {func(s *Settings) { s.BasePath = "aicc" }, []string{"base_path", `"aicc"`, "/aicc"}},
		"base path with an end":  {func(s *Settings) { s.BasePath = "/aicc/" }, []string{"base_path"}},
		"base path with dots":    {func(s *Settings) { s.BasePath = "/a/../b" }, []string{"base_path"}},
		"base path with percent": {func(s *Settings) { s.BasePath = "/a%20b" }, []string{"base_path"}},
		"log level":              {func(s *Settings) { s.LogLevel = "INFO" }, []string{"log_level", `"INFO"`, "info"}},
		"negative limit":         {func(s *Settings) { s.Limits.PerCallID = -1 }, []string{"limits.per_call_id", "-1", "600"}},
		"guessing for free":      {func(s *Settings) { s.Limits.WrongSecrets = 0 }, []string{"limits.wrong_secrets", "10"}},
		"tokens for a day":       {func(s *Settings) { s.AccessTTL = 24 * time.Hour }, []string{"access_ttl", "24h", "1h"}},
		"no header timeout":      {func(s *Settings) { s.Timeouts.Header = 0 }, []string{"timeouts.header", "0s", "5s"}},
		"linger beyond wait":     {func(s *Settings) { s.Intake.Linger, s.Intake.MaxWait = 10*time.Millisecond, 10*time.Millisecond }, []string{"intake.max_wait"}},
		"ack before wait":        {func(s *Settings) { s.Intake.AckTimeout = 700 * time.Millisecond }, []string{"intake.ack_timeout", "700ms"}},
		"no URL":                 {func(s *Settings) { s.Database = "db.example.com" }, []string{"database", "postgres://"}},
		"another engine":         {func(s *Settings) { s.Database = "mysql://db/afterbeep" }, []string{"database", "postgres://"}},
		"a folder as database":   {func(s *Settings) { s.Database = "sqlite:/var/lib" }, []string{"database", "postgres://", "SQLite"}},
		"no host":                {func(s *Settings) { s.Database = "postgres:///afterbeep" }, []string{"database", "host"}},
		"no database":            {func(s *Settings) { s.Database = "postgres://db" }, []string{"database", "names no database"}},
		"unknown sslmode":        {func(s *Settings) { s.Database = "postgres://db/a?sslmode=on" }, []string{"database", "verify-full"}},
		"owner without app":      {func(s *Settings) { s.MigrateDatabase = "postgres://db/a" }, []string{"migrate_database", "SQLite"}},
		"wrong owner":            {func(s *Settings) { s.Database, s.MigrateDatabase = "postgres://db/a", "x" }, []string{"migrate_database"}},
		"pool of committers":     {func(s *Settings) { s.Database, s.Postgres.Connections = "postgres://db/a", 4 }, []string{"postgres.connections", "4", "6"}},
		"a proxy by name":        {func(s *Settings) { s.Proxy.Trusted = "nginx" }, []string{"proxy.trusted", `"nginx"`, "10.0.0.0/8"}},
		"a proxy with a port":    {func(s *Settings) { s.Proxy.Trusted = "127.0.0.1,10.0.0.1:80" }, []string{"proxy.trusted", `"10.0.0.1:80"`}},
		"everybody is a proxy":   {func(s *Settings) { s.Proxy.Trusted = "127.0.0.1, ::/0" }, []string{"proxy.trusted", `"::/0"`, "everybody"}},
		"everybody, in disguise": {func(s *Settings) { s.Proxy.Trusted = "::ffff:0.0.0.0/96" }, []string{"proxy.trusted", "everybody"}},
		"another header":         {func(s *Settings) { s.Proxy.Header = "x-real-ip" }, []string{"proxy.header", "x-forwarded-for", "forwarded"}},
		"a call of a script":     {func(s *Settings) { s.Staff.CallURL = "javascript:alert({number})" }, []string{"staff.call_url", "javascript:", "https:", "{number}&agent={login}"}},
		"a call without number":  {func(s *Settings) { s.Staff.CallURL = "https://pbx.example.com/call" }, []string{"staff.call_url", "lacks {number}"}},
		"answer cut off":         {func(s *Settings) { s.Timeouts.Write = 15 * time.Second }, []string{"timeouts.write", "15s", "20s"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Defaults()
			c.change(&s)
			wantSentence(t, s.Check(), c.parts...)
		})
	}
}

func TestSettingsThatAreSafeAreTaken(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"any free ports":       func(s *Settings) { s.Listen, s.OpsListen = "127.0.0.1:0", "127.0.0.1:0" },
		"ops by IPv6 loopback": func(s *Settings) { s.OpsListen = "[::1]:8081" },
		"ops by name":          func(s *Settings) { s.OpsListen = "localhost:8081" },
		"ops public on demand": func(s *Settings) { s.OpsListen, s.OpsPublic = "0.0.0.0:8081", true },
		"clients from outside": func(s *Settings) { s.Listen = ":8080" },
		"a base path":          func(s *Settings) { s.BasePath = "/aicc/v1" },
		"no limit a callId":    func(s *Settings) { s.Limits.PerCallID = 0 },
		"a short queue":        func(s *Settings) { s.Intake.Queue = 1 },
		"a PostgreSQL":         func(s *Settings) { s.Database = "postgres://app:p@db.example.com/afterbeep" },
		"two roles":            func(s *Settings) { s.Database, s.MigrateDatabase = "postgres://app@db/a", "postgresql://own@db/a" },
		"several hosts":        func(s *Settings) { s.Database = "postgres://app@one:5432,two:5433/a?target_session_attrs=read-write" },
		"a socket":             func(s *Settings) { s.Database = "postgres:///a?host=/var/run/postgresql" },
		"a call by the web": func(s *Settings) {
			s.Staff.CallURL = "https://pbx.example.com/call?to={number}&agent={login}&thread={thread}"
		},
		"a call by a program": func(s *Settings) { s.Staff.CallURL = "sip:{number}@pbx.example.com" },
		"no linger":           func(s *Settings) { s.Intake.Linger = 0 },
	} {
		s := Defaults()
		change(&s)
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryNumberIsRefusedJustOutsideItsRangeAndTakenAtItsEnds(t *testing.T) {
	for _, e := range Describe() {
		if e.Min == "" {
			continue
		}
		for value, ok := range map[int64]bool{
			e.bound(e.Min): true, e.bound(e.Max): true,
			e.bound(e.Min) - 1: false, e.bound(e.Max) + 1: false,
		} {
			s := Defaults()
			e.value(&s).SetInt(value)
			if err := ranges(s); (err == nil) != ok {
				t.Errorf("%s = %d: %v", e.Key, value, err)
			} else if err != nil {
				wantSentence(t, err, e.Key, e.Min, e.Max)
			}
		}
	}
}

func TestEverySettingIsDescribedAndItsDescriptionIsTrue(t *testing.T) {
	seen := map[string]bool{}
	defaults := Defaults()
	for _, e := range Describe() {
		if e.Key == "" || e.Flag == "" || e.Unit == "" || e.Meaning == "" || seen[e.Key] || seen[e.Flag] || seen[e.Env] {
			t.Errorf("%+v lacks something or is there twice", e)
		}
		seen[e.Key], seen[e.Flag], seen[e.Env] = true, true, true
		if got := e.shown(&defaults); got != e.Default {
			t.Errorf("%s: the default is documented as %q and shown as %q", e.Key, e.Default, got)
		}
		if numeric := e.kind() == reflect.Int || e.fieldType() == durationType; numeric != (e.Range() != "") {
			t.Errorf("%s: a number needs a range, and nothing else may have one", e.Key)
		}
		if e.Min != "" && e.bound(e.Min) < 0 {
			t.Errorf("%s may be negative", e.Key)
		}
	}
}

func TestTheDocumentationListsEverySettingAsItIs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range Describe() {
		standard := "`" + e.Default + "`"
		if e.Default == "" {
			standard = "empty"
		}
		if row := "| `" + e.Key + "` | `" + e.Env + "` | " + standard + " | " + e.Range() + " |"; !strings.Contains(string(raw), strings.ReplaceAll(row, "|  |", "| |")) {
			t.Errorf("docs/operations.md has no row %q", row)
		}
	}
}

// Every setting is changed through each of its three doors, by its documented
// name, and read back.
func TestEverySettingCanBeSetByFileVariableAndFlag(t *testing.T) {
	for _, e := range Describe() {
		other := strconv.FormatBool(e.Default != "true")
		value := map[string]string{"string": "other", "bool": other, "int": e.Max, "int64": e.Max}[e.kind().String()]
		section, key, nested := strings.Cut(e.Key, ".")
		text := e.Key + ": " + value + "\n"
		if nested {
			text = section + ":\n  " + key + ": " + value + "\n"
		}
		for door, s := range map[string]Settings{
			"file":     load(t, write(t, text), nil, nil),
			"variable": load(t, "", []string{e.Env + "=" + value}, nil),
			"flag":     load(t, "", nil, map[string]string{e.Flag: value}),
		} {
			want := Defaults()
			switch v := e.value(&want); v.Kind() {
			case reflect.String:
				v.SetString(value)
			case reflect.Bool:
				v.SetBool(other == "true")
			default:
				v.SetInt(e.bound(e.Max))
			}
			if s != want {
				t.Errorf("%s by %s: got %+v", e.Key, door, s)
			}
		}
	}
}

func FuzzNoFilePanics(f *testing.F) {
	f.Add("listen: a\nlimits:\n  body: 1\n")
	f.Add("a: &x [*x]\n")
	f.Add("<<: {listen: b}\n? [1]: 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := t.TempDir() + "/f.yaml"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Load(file, nil, nil); err == nil {
			_ = s.Check()
		}
	})
}
