package desk_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestWhoMayWhat(t *testing.T) {
	table := map[desk.Permission]string{ // agent, supervisor, administrator, auditor
		desk.ThreadsSee:     "yyyy",
		desk.ThreadsHandle:  "yyy-",
		desk.ThreadsAssign:  "-yy-",
		desk.NumbersSee:     "-yy-",
		desk.Exporting:      "-yyy",
		desk.PeopleManage:   "--y-",
		desk.ChannelsManage: "--y-",
		desk.AppsManage:     "--y-",
		desk.KeysManage:     "--y-",
		desk.AuditRead:      "--yy",
		desk.BoardSee:       "-yyy",
		desk.MessagesWrite:  "----",
	}
	for _, p := range desk.Permissions() {
		row, ok := table[p]
		if !ok {
			t.Fatalf("nobody decided who may %s", p)
		}
		for i, r := range desk.Roles() {
			if r.May(p) != (row[i] == 'y') {
				t.Errorf("%s may %s: %v", r, p, r.May(p))
			}
		}
		if desk.Role("").May(p) || desk.Role("owner").May(p) {
			t.Errorf("a role that does not exist may %s", p)
		}
	}
}

func TestAnAPIKeyMayWhatItsScopesSayAndNothingElse(t *testing.T) {
	key := desk.Actor{Tenant: 1, Key: 3, Scopes: []string{"messages.write"}, Role: desk.RoleAdministrator}
	for _, p := range desk.Permissions() {
		if key.May(p) != (p == desk.MessagesWrite) {
			t.Errorf("the key may %s: %v", p, key.May(p))
		}
	}
	if key.Who() != "key:3" || (&desk.Actor{Person: 4}).Who() != "person:4" || (&desk.Actor{}).Who() != "command" {
		t.Error("actors are not told apart")
	}
}

func TestAPersonSeesHerChannelsOrAll(t *testing.T) {
	limited := desk.Actor{Channels: []desk.ChannelID{202611220000000001}}
	if !limited.Sees(202611220000000001) || limited.Sees(202611220000000002) || !(&desk.Actor{}).Sees(1) {
		t.Fatal("channels")
	}
}

func TestLoginsAreOneSpelling(t *testing.T) {
	for in, want := range map[string]string{
		" Ann@Example.COM ": "ann@example.com", "李雷": "李雷", "a": "a",
		"": "", "a b": "", "a\u200bb": "", "a\nb": "",
	} {
		got, err := desk.Login(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", in, got, err)
		}
	}
}

func TestAPersonsValues(t *testing.T) {
	good := desk.Person{Login: "ann", Name: "Ann 安", Role: desk.RoleAgent, Locale: "zh_CN"}
	if err := desk.CheckPerson(&good); err != nil {
		t.Fatal(err)
	}
	for code, change := range map[string]func(*desk.Person){
		"login":    func(p *desk.Person) { p.Login = "Ann" },
		"name":     func(p *desk.Person) { p.Name = "" },
		"role":     func(p *desk.Person) { p.Role = "owner" },
		"locale":   func(p *desk.Person) { p.Locale = "de" },
		"channels": func(p *desk.Person) { p.Channels = make([]desk.ChannelID, 201) },
	} {
		p := good
		change(&p)
		if e, ok := desk.CheckPerson(&p).(*desk.Error); !ok || e.Code != code {
			t.Errorf("%s: %v", code, e)
		}
	}
}

func TestIDsOfPeopleAreStringsInJSON(t *testing.T) {
	raw, err := json.Marshal(map[string]any{"p": desk.PersonID(12)})
	if err != nil || string(raw) != `{"p":"12"}` {
		t.Fatal(string(raw), err)
	}
	var p struct{ P desk.PersonID }
	if err := json.Unmarshal(raw, &p); err != nil || p.P != 12 {
		t.Fatal(p, err)
	}
	if json.Unmarshal([]byte(`{"p":"-1"}`), &p) == nil {
		t.Fatal("a negative one")
	}
}

func TestABrowsersWordsAreMadeFitToShow(t *testing.T) {
	if got := desk.AgentWords(" Mozilla\u202e/5.0\x00\n"); got != "Mozilla/5.0" {
		t.Fatalf("%q", got)
	}
	if got := desk.AgentWords(string(make([]byte, 10)) + string(slices.Repeat([]rune("请"), 500))); len([]rune(got)) != desk.MaxAgent {
		t.Fatal(len(got))
	}
}
