package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// reader reads the audit log in a language; Ann is person 1, Website a channel.
func reader(t *testing.T, code string) (*visit, *roll) {
	t.Helper()
	names := &roll{
		people: []desk.Person{{ID: 1, Name: "Ann"}}, person: map[desk.PersonID]*desk.Person{1: {ID: 1, Name: "Ann"}},
		channel: map[desk.ChannelID]*desk.Channel{202611230000000001: {Name: "Website"}},
	}
	return &visit{lang: spoken(t)[code], zone: time.UTC, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}, names
}

func text(all []piece) string {
	var b strings.Builder
	for _, p := range all {
		b.WriteString(p.Text)
	}
	return b.String()
}

// lined are a row's details as lines.
func lined(r *deedRow) (lines []string) {
	for _, d := range r.Details {
		line := text(d.Label) + ": "
		if d.Changed {
			line += text(d.Was) + " → "
		}
		lines = append(lines, line+text(d.Is))
	}
	return lines
}

func TestAnAuditedDeedIsToldInWords(t *testing.T) {
	for _, c := range []struct {
		deed            desk.Deed
		action, about   string
		english, others []string
	}{
		{
			desk.Deed{Action: desk.PersonChanged, Object: "person:1", Data: `{"role":{"was":"agent","is":"supervisor"},"channels":{"was":null,"is":["202611230000000001"]},"name":{"is":"Anna","was":"Ann"}}`},
			"Changed a person", "Ann",
			[]string{"Channels: All channels → Website", "Name: Ann → Anna", "Role: Agent → Supervisor"},
			[]string{"渠道: 所有渠道 → Website", "名称: Ann → Anna", "角色: 坐席 → 主管"},
		},
		{
			desk.Deed{Action: desk.SignInFailed, Object: "login:unknown", Data: `{"known_device":false,"reason":"not invited","how":"openid"}`},
			"Failed to sign in", "An unknown login",
			[]string{"How: organisation's sign-in", "From a known browser: no", "Why: no account here"},
			[]string{"方式: 组织登录", "来自已知浏览器: 否", "原因: 此处没有账户"},
		},
		{
			desk.Deed{Action: desk.Exported, Object: "threads", Data: `{"view":"closed","since":"2026-11-01T00:00:00Z","channel":"202611230000000001","owner":"1","outcome":"","searched":false,"format":"csv","numbers":true}`},
			"Exported", "Threads",
			[]string{"Channel: Website", "Format: csv", "Whole numbers: yes", "Whose: Ann", "From: 2026-11-01 00:00:00 UTC", "View: Closed"},
			[]string{"渠道: Website", "格式: csv", "完整号码: 是", "归属: Ann", "从: 2026-11-01 00:00:00 UTC", "视图: 已关闭"},
		},
		{
			desk.Deed{Action: desk.KeyCreated, Object: "key:crm", Data: `{"name":"crm","scopes":["threads.see","new.scope"]}`},
			"Made an API key", "API key crm",
			[]string{"Name: crm", "Scopes: See threads, new.scope"},
			[]string{"名称: crm", "权限: 查看会话, new.scope"},
		},
		{desk.Deed{Action: desk.NumberShown, Object: "thread:7", Data: `{}`}, "Was shown whole numbers", "Thread 7", nil, nil},
		{
			desk.Deed{Action: "later.invented", Object: "thing:9", Data: `{"more":{"a":1},"text":"form","big":12345678901234567890,"none":null,"error":"form"}`},
			"later.invented", "thing:9",
			[]string{"big: 12345678901234567890", "error: form", `more: {"a":1}`, "text: form"},
			[]string{"big: 12345678901234567890", "error: form", `more: {"a":1}`, "text: form"},
		},
		{desk.Deed{Action: "x\u202ey", Object: "a\u202eb", Data: `["no object"]`}, "x⟨U+202E⟩y", "a⟨U+202E⟩b", []string{`: ["no object"]`}, []string{`: ["no object"]`}},
	} {
		for code, want := range map[string][]string{"en": c.english, "zh_CN": c.others} {
			v, names := reader(t, code)
			r := v.deedRow(&c.deed, names)
			if got := lined(&r); !slices.Equal(got, want) {
				t.Errorf("%s in %s is told as %q, want %q", c.deed.Action, code, got, want)
			}
			plain := strings.NewReplacer("\u2068", "", "\u2069", "")
			if code == "en" && (r.Action != c.action || plain.Replace(r.About) != c.about) {
				t.Errorf("%s: %q, %q", c.deed.Action, r.Action, r.About)
			}
		}
	}
}

func TestWhoActedIsToldByWhatHeIs(t *testing.T) {
	v, _ := reader(t, "en")
	for actor, want := range map[string]string{
		"person:1": "Person \u20681\u2069", "key:3": "API key \u20683\u2069", "command": "Command line", "provider": "Sign-in provider",
		"stranger": "Somebody unknown", "robot:\u202e9": "robot:⟨U+202E⟩9",
	} {
		if got := v.who(actor); got != want {
			t.Errorf("%s is %q, want %q", actor, got, want)
		}
	}
}

// What is audited is read from the source, so that an action which is new there
// fails here until it has its words, and can be looked for.
func TestEveryActionThatIsAuditedCanBeLookedForInWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../desk/deed.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST || len(g.Specs) < 10 {
			continue
		}
		for _, s := range g.Specs {
			named = append(named, strings.Trim(s.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value, `"`))
		}
	}
	listed := desk.Actions()
	slices.Sort(named)
	slices.Sort(listed)
	if len(named) < 20 || !slices.Equal(named, listed) {
		t.Errorf("the source has %q, the list %q", named, listed)
	}
	for code, l := range spoken(t) {
		for _, action := range named {
			if l.texts["deed."+action] == "" {
				t.Errorf("%s has no words for %s", code, action)
			}
		}
	}
}
