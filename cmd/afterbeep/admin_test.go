package main

import (
	"os"
	"strings"
	"testing"
)

func TestAnyCommandMakesTheDataFolderForItsOwnerOnly(t *testing.T) {
	s := newShell(t)
	if out := s.must("messages", "list"); out != "No messages.\n" {
		t.Errorf("an empty folder lists %q", out)
	}
	info, err := os.Stat(s.data)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info, err)
	}
}

func TestAnAppShowsItsSecretOnceAndIsFoundByNameOrKey(t *testing.T) {
	s := newShell(t)
	made := objects(t, s.must("app", "create", "--name", "Web shop", "--per-minute", "60", "--json"))[0]
	key, secret := made["app_key"].(string), made["app_secret"].(string)
	if len(key) != 32 || len(secret) != 64 || made["name"] != "Web shop" || made["tenant"] != "default" {
		t.Errorf("created %v", made)
	}
	s.fails(exitError, []string{"already"}, "app", "create", "--name", "Web shop")

	for _, listing := range []string{s.must("app", "list"), s.must("app", "list", "--json")} {
		if !strings.Contains(listing, key) || strings.Contains(listing, secret) {
			t.Errorf("the listing lacks the key or tells the secret: %s", listing)
		}
	}
	s.must("app", "set", key, "--name", "Shop", "--per-minute", "120")
	s.must("app", "disable", "Shop")
	row := objects(t, s.must("app", "list", "--json"))[0]
	if row["name"] != "Shop" || row["per_minute"] != 120.0 || row["disabled"] != true {
		t.Errorf("listed %v", row)
	}
	s.must("app", "enable", key)
	rotated := objects(t, s.must("app", "rotate", "Shop", "--json"))[0]
	if rotated["app_key"] != key || rotated["app_secret"] == secret || rotated["old_secret_until"] == "" {
		t.Errorf("rotated %v", rotated)
	}
	if row := objects(t, s.must("app", "list", "--json"))[0]; row["disabled"] != false || row["old_secret_until"] != rotated["old_secret_until"] {
		t.Errorf("listed %v", row)
	}
	s.fails(exitError, []string{`there is no app "Nope"`}, "app", "rotate", "Nope")
}

func TestAChannelKeepsWhatIsNotChanged(t *testing.T) {
	s := newShell(t)
	made := objects(t, s.must("channel", "create", "--name", "Website", "--json"))[0]
	if id := made["channel_id"].(string); len(id) != 18 {
		t.Errorf("Configuration ID %q", id)
	}
	if made["locale"] != "zh_CN" || made["region"] != "CN" || made["text_limit"] != 4000.0 || len(made["origins"].([]any)) != 0 {
		t.Errorf("created %v", made)
	}
	s.must("channel", "create", "--name", "Moved", "--id", "202102193196869708", "--region", "gb", "--locale", "en_GB")
	s.must("channel", "set", "202102193196869708", "--text-limit", "6000", "--origin", "https://a.example", "--origin", "https://b.example")
	s.must("channel", "disable", "Website")
	rows := objects(t, s.must("channel", "list", "--json"))
	moved, website := rows[0], rows[1]
	if moved["region"] != "GB" || moved["locale"] != "en_GB" || moved["text_limit"] != 6000.0 || len(moved["origins"].([]any)) != 2 {
		t.Errorf("changed to %v", moved)
	}
	if website["disabled"] != true || website["channel_id"] != made["channel_id"] {
		t.Errorf("disabled %v", website)
	}
	s.must("channel", "set", "Moved", "--origin", "")
	s.must("channel", "enable", "Website")
	rows = objects(t, s.must("channel", "list", "--json"))
	if len(rows[0]["origins"].([]any)) != 0 || rows[1]["disabled"] != false {
		t.Errorf("changed to %v", rows)
	}
	s.fails(exitUsage, []string{"1500"}, "channel", "set", "Moved", "--text-limit", "10")
	s.fails(exitError, []string{"already"}, "channel", "create", "--name", "Moved")
	s.fails(exitError, []string{"there is no channel"}, "messages", "list", "--channel", "Nope")
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	s := newShell(t)
	s.must("tenant", "create", "--name", "Blue Ltd")
	s.must("app", "create", "--name", "Theirs", "--tenant", "Blue Ltd")
	if out := s.must("app", "list", "--json"); out != "" {
		t.Errorf("the default tenant sees %s", out)
	}
	s.environ = []string{"AFTERBEEP_TENANT=Blue Ltd"}
	if rows := objects(t, s.must("app", "list", "--json")); len(rows) != 1 || rows[0]["tenant"] != "Blue Ltd" {
		t.Errorf("the tenant of the variable sees %v", rows)
	}
	if out := s.must("app", "list", "--json", "--tenant", "default"); out != "" {
		t.Errorf("the flag does not win over the variable: %s", out)
	}
	if rows := objects(t, s.must("tenant", "list", "--json")); len(rows) != 2 || rows[0]["name"] != "default" {
		t.Errorf("tenants %v", rows)
	}
	s.fails(exitError, []string{`there is no tenant "Red"`}, "app", "list", "--tenant", "Red")
}

func TestNamesOfStrangersAreEscapedOnTheScreen(t *testing.T) {
	s := newShell(t)
	s.fails(exitError, []string{`there is no app`}, "app", "disable", "a\x1b[31m\u202eb")
	if r := s.run("app", "disable", "a\x1b[31m\u202eb"); strings.ContainsAny(r.err, "\x1b\u202e") {
		t.Errorf("the terminal gets %q", r.err)
	}
}
