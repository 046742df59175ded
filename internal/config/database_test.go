package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestAHostThatIsNotLocalIsVerifiedUnlessTheURLSaysOtherwise(t *testing.T) {
	for raw, want := range map[string]string{
		"postgres://a@db.example.com/x":                          "verify-full",
		"postgresql://a:p@10.0.0.7:5432/x":                       "verify-full",
		"postgres://a@localhost.example.com/x":                   "verify-full",
		"postgres://a@127.0.0.1,db.example.com/x":                "verify-full",
		"postgres://a@localhost/x?host=db.example.com":           "verify-full",
		"postgres://a@db.example.com/x?sslrootcert=/etc/ca.pem":  "verify-full",
		"postgres://a@db.example.com/x?sslmode=require":          "require",
		"postgres://a@db.example.com/x?sslmode=disable":          "disable",
		"postgres://a@localhost:5432/x":                          "",
		"postgres://a@127.0.0.1/x":                               "",
		"postgres://a@[::1]:5432/x":                              "",
		"postgres://a@[::1]/x":                                   "",
		"postgres://a@one.example.com:1,two.example.com:2/x":     "verify-full",
		"postgres:///x?host=/var/run/postgresql":                 "",
		"postgres://a:p%40s%2F@db.example.com/x?connect_timeout": "verify-full",
	} {
		d, err := ParseDatabase(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if d.SSLMode != want {
			t.Errorf("%s: sslmode %q, want %q", raw, d.SSLMode, want)
		}
		if added := strings.Count(d.URL, "sslmode=") == 1 && !strings.Contains(raw, "sslmode="); added != (want == "verify-full") {
			t.Errorf("%s became %s", raw, d.URL)
		}
	}
}

func TestTheParametersThatAreThereStayInTheURL(t *testing.T) {
	d, err := ParseDatabase("postgres://app@one:5432,two:5433/beep?target_session_attrs=read-write")
	if err != nil {
		t.Fatal(err)
	}
	if want := "postgres://app@one:5432,two:5433/beep?target_session_attrs=read-write&sslmode=verify-full"; d.URL != want {
		t.Errorf("%s, want %s", d.URL, want)
	}
	if fmt.Sprintf("%v %v %v %v", d.Hosts, d.Name, d.User, d.Local) != "[one:5432 two:5433] beep app false" {
		t.Errorf("%+v", d)
	}
}

func TestNoPasswordIsEverShownOrTold(t *testing.T) {
	const secret = "hunter2"
	for _, raw := range []string{
		"postgres://app:hunter2@db/x",
		"postgres://app:hunter2@one,two:5433/x?sslmode=require",
		"postgres://db/x?password=hunter2&sslmode=disable",
		"postgres://db/x?sslpassword=hunter2",
		"postgres://app:hun/ter2@db/x",
		"postgres://app:a?hunter2@db/x",
		"postgres://app:p#hunter2@db/x",
		"postgres://app:%zzhunter2@db/x",
		"postgres:/app:hunter2@db/x",
		"host=db password=hunter2",
		"hunter2",
		"postgres://app:hunter2@db/x\n",
		"postgres://app:hunter2@db",
		"mysql://app:hunter2@db/x",
	} {
		if shown := Redact(raw); strings.Contains(shown, secret) || strings.Contains(shown, "ter2") || shown == "" {
			t.Errorf("%q is shown as %q", raw, shown)
		}
		s := Defaults()
		s.Database = raw
		if err := s.Check(); err != nil && strings.Contains(err.Error(), "ter2") {
			t.Errorf("%q: %v", raw, err)
		}
		_, all, err := Trace("", []string{"AFTERBEEP_DATABASE=" + raw, "AFTERBEEP_MIGRATE_DATABASE=" + raw}, nil)
		if err != nil || strings.Contains(fmt.Sprint(all), "ter2") {
			t.Errorf("%q is shown among the settings, or %v", raw, err)
		}
	}
	if got := Redact("postgres://app:x@db:5432/beep?sslmode=require"); got != "postgres://app:***@db:5432/beep?sslmode=require" {
		t.Error(got)
	}
}
