package main

import (
	"strings"
	"testing"
)

const phrase = "blue tram under quiet moss"

func TestSomebodyIsLetInWithALinkThatIsShownOnce(t *testing.T) {
	s := newShell(t)
	s.must("channel", "create", "--name", "Website")
	made := objects(t, s.must("user", "create", "--login", "Ann@Example.com", "--name", "Ann", "--role", "supervisor", "--channel", "Website", "--json"))[0]
	link := made["link"].(string)
	if made["login"] != "ann@example.com" || made["role"] != "supervisor" || made["has_password"] != false || len(made["channels"].([]any)) != 1 ||
		!strings.HasPrefix(link, "http://127.0.0.1:8080/invite/1.") || made["link_until"] == "" {
		t.Errorf("created %v", made)
	}
	if listing := s.must("user", "list", "--json"); strings.Contains(listing, "link") || strings.Contains(listing, "argon2") {
		t.Errorf("the listing tells too much: %s", listing)
	}
	if table := s.must("user", "list"); !strings.Contains(table, "ann@example.com") || !strings.Contains(table, "Website") {
		t.Error(table)
	}
	s.fails(exitError, []string{"ann@example.com", "already"}, "user", "create", "--login", "ann@example.com", "--name", "Ann")
	s.fails(exitUsage, []string{"role is one of"}, "user", "create", "--login", "eve", "--name", "Eve", "--role", "owner")
	s.fails(exitError, []string{`no channel "Nope"`}, "user", "create", "--login", "eve", "--name", "Eve", "--channel", "Nope")
	s.fails(exitUsage, []string{"--login"}, "user", "create", "--name", "Eve")
	reset := objects(t, s.must("user", "reset", "ANN@example.com", "--totp", "--json"))[0]
	if reset["link"] == link || reset["link"] == nil {
		t.Errorf("reset %v", reset)
	}
}

func TestAPasswordComesFromStandardInputAndIsChecked(t *testing.T) {
	s := newShell(t)
	s.in = strings.NewReader("password1234567\n")
	s.fails(exitUsage, []string{"many would try first"}, "user", "create", "--login", "ann", "--name", "Ann", "--password-stdin")
	s.in = strings.NewReader("")
	s.fails(exitUsage, []string{"no password"}, "user", "create", "--login", "ann", "--name", "Ann", "--password-stdin")
	s.in = strings.NewReader(phrase + "\r\n")
	made := objects(t, s.must("user", "create", "--login", "ann", "--name", "Ann", "--password-stdin", "--json"))[0]
	if made["has_password"] != true || made["link"] != nil {
		t.Errorf("created %v", made)
	}
	s.in = strings.NewReader(phrase + " too\n")
	if reset := objects(t, s.must("user", "reset", "ann", "--password-stdin", "--json"))[0]; reset["has_password"] != true || reset["link"] != nil {
		t.Errorf("reset %v", reset)
	}
}

func TestRolesAreGivenAndPeopleShutOut(t *testing.T) {
	s := newShell(t)
	s.must("user", "create", "--login", "boss", "--name", "Boss", "--role", "administrator")
	s.must("user", "create", "--login", "ann", "--name", "Ann")
	if row := objects(t, s.must("user", "role", "ann", "auditor", "--json"))[0]; row["role"] != "auditor" {
		t.Error(row)
	}
	s.fails(exitError, []string{"only administrator"}, "user", "role", "boss", "agent")
	s.fails(exitError, []string{"only administrator"}, "user", "disable", "boss")
	if out := s.must("user", "disable", "ann"); out != "ann is disabled\n" {
		t.Error(out)
	}
	s.fails(exitError, []string{"is disabled"}, "user", "reset", "ann")
	if row := objects(t, s.must("user", "enable", "ann", "--json"))[0]; row["disabled"] != false {
		t.Error(row)
	}
	s.fails(exitError, []string{`nobody with the login "eve"`}, "user", "disable", "eve")
	want := "person.enabled person.disabled person.changed person.created person.created"
	var got []string
	for _, row := range objects(t, s.must("audit", "list", "--json")) {
		got = append(got, row["action"].(string))
		if row["actor"] != "command" || row["name"] != "command line" {
			t.Errorf("%v", row)
		}
	}
	if strings.Join(got, " ") != want {
		t.Errorf("the audit log says %q", got)
	}
}

func TestTheAuditLogIsVerifiedAndAnAnchorProvesItsPast(t *testing.T) {
	s := newShell(t)
	if out := s.must("audit", "verify"); !strings.HasPrefix(out, "0 rows") {
		t.Error(out)
	}
	s.must("user", "create", "--login", "ann", "--name", "Ann")
	first := objects(t, s.must("audit", "verify", "--json"))[0]
	head := first["head"].(string)
	if first["ok"] != true || first["rows"] != 1.0 || !strings.HasPrefix(head, "1:") {
		t.Fatal(first)
	}
	s.must("user", "disable", "ann")
	s.must("audit", "verify", "--anchor", head)
	r := s.run("audit", "verify", "--json", "--anchor", "1:"+strings.Repeat("0", 64))
	if r.code != exitError || !strings.Contains(r.out, `"ok":false`) {
		t.Errorf("an anchor that does not fit: %d %s", r.code, r.out)
	}
	s.fails(exitUsage, []string{"anchor looks like"}, "audit", "verify", "--anchor", "x")
	s.fails(exitUsage, []string{"--limit"}, "audit", "list", "--limit", "-1")
	if rows := objects(t, s.must("audit", "list", "--json", "--before", "2")); len(rows) != 1 || rows[0]["seq"] != 1.0 {
		t.Error(rows)
	}
}
