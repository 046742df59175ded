package browser

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

var (
	tableRows = regexp.MustCompile(`(?s)<tr><td.*?</tr>`)
	anyTag    = regexp.MustCompile(`(?s)<[^>]*>`)
)

// audited are the rows of the page of the audit log, without what marks them up.
func audited(t *testing.T, v visitor, path string) (rows []string, text string) {
	t.Helper()
	status, text := v.get(path)
	if status != 200 {
		t.Fatalf("%s is %d", path, status)
	}
	plain := strings.NewReplacer("\u2068", "", "\u2069", "")
	for _, r := range tableRows.FindAllString(text, -1) {
		rows = append(rows, strings.Join(strings.Fields(plain.Replace(anyTag.ReplaceAllString(r, " "))), " "))
	}
	return rows, text
}

func TestTheAuditLogIsReadAsSentencesAndNarrowed(t *testing.T) {
	w := newWorld(t)
	id := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	bo := w.people["bo"]
	admin := w.visitor("admin")
	admin.expect("/settings/people/"+bo.ID.String(), url.Values{"name": {bo.Name}, "login": {bo.Login}, "role": {"supervisor"}, "locale": {bo.Locale}, "channel": {wechat.String()}}, 200, "Saved.")
	w.visitor("anna").expect("/thread/"+id.String()+"/reveal", url.Values{"view": {"view=all"}}, 200, "")
	w.visitor("").expect("/sign-in", url.Values{"login": {"nobody"}, "password": {"guessed"}}, 401, "")
	auditor := w.visitor("audit")
	rows, text := audited(t, auditor, "/settings/audit")
	for _, want := range []string{
		"Changed a person Channels : All channels → 微信 Role : Agent → Supervisor " + bo.Name,
		"Person " + w.people["admin"].ID.String() + " 127.0.0.1 Changed a person",
		w.people["anna"].Name + " Person " + w.people["anna"].ID.String() + " 127.0.0.1 Was shown whole numbers Thread " + id.String(),
		"Somebody unknown 127.0.0.1 Failed to sign in From a known browser : no Why : unknown login An unknown login",
	} {
		if !strings.Contains(strings.Join(rows, "\n"), want) {
			t.Errorf("%q is not in the log:\n%s", want, strings.Join(rows, "\n"))
		}
	}
	if strings.Contains(strings.Join(rows, ""), "{") {
		t.Error("there is JSON in it")
	}
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for query, want := range map[string]string{
		"action=number.shown&by=person:" + w.people["anna"].ID.String(): "Was shown whole numbers",
		"by=stranger": "Failed to sign in", "action=person.changed": "Changed a person",
		"object=thread:" + id.String() + "&since=" + today + "&until=" + today: "Was shown whole numbers",
		"action=number.shown&since=" + tomorrow:                                "Nothing in the log is like that.",
		"action=number.shown&until=2026-01-01":                                 "Nothing in the log is like that.",
		"by=key:77":                                                            "Nothing in the log is like that.",
		"by=a%00%ffb":                                                          "Nothing in the log is like that.",
	} {
		if rows, _ := audited(t, auditor, "/settings/audit?"+query); len(rows) != 1 || !strings.Contains(rows[0], want) {
			t.Errorf("%s has %q, and not %s", query, rows, want)
		}
	}
	if status, text := auditor.get("/settings/audit?since=soon"); status != 422 || !strings.Contains(text, "That is no time") {
		t.Errorf("a day that is none is %d", status)
	}
	if !strings.Contains(text, `href="/settings/audit?object=thread%3A`+id.String()+`"`) {
		t.Error("what happened to a thread is not a click away")
	}
	w.speak("audit", "zh_CN")
	rows, _ = audited(t, w.visitor("audit"), "/settings/audit?action=person.changed&object=person:"+bo.ID.String())
	if len(rows) != 1 || !strings.Contains(rows[0], "角色 : 坐席 → 主管") {
		t.Errorf("in Chinese it is %q", rows)
	}
}

func TestTheAuditLogGoesOnWhereItsPageEndedAndHidesNothing(t *testing.T) {
	w := newWorld(t)
	const evil = "<img src=x onerror=alert(1)>\u202e"
	for i := range 205 {
		d := desk.Deed{Tenant: 1, At: time.Now(), Actor: "key:3", Name: evil, Address: evil, Action: desk.Exported, Object: evil, Data: fmt.Sprintf(`{"row":%d,"%[2]s":"%[2]s"}`, i, evil)}
		_, err := w.Store.Audit(t.Context(), d)
		w.must(err)
	}
	auditor := w.visitor("audit")
	seen, path := 0, "/settings/audit?by=key:3&action=export"
	for page := 0; path != "" && page < 5; page++ {
		rows, text := audited(t, auditor, path)
		for _, r := range rows {
			if !strings.Contains(r, fmt.Sprintf("row : %d", 204-seen)) || !strings.Contains(r, "U+202E") {
				t.Fatalf("row %d is %q", seen, r)
			}
			seen++
		}
		_, raw := w.get(auditor.c, path)
		if strings.Contains(raw, "<img src=x") || strings.Contains(text, "\u202e") {
			t.Fatal("what a stranger wrote is markup")
		}
		path = ""
		if m := regexp.MustCompile(`<a class="button" href="([^"]+)"`).FindStringSubmatch(text); m != nil {
			path = m[1]
		}
	}
	if seen != 205 {
		t.Errorf("%d rows were seen", seen)
	}
}
