package main

import (
	"strings"
	"testing"
)

func TestAnAPIKeyIsShownOnceListedAndSwitchedOff(t *testing.T) {
	s := newShell(t)
	made := objects(t, s.must("key", "create", "--name", "CRM", "--scope", "threads.see", "--scope", "messages.write", "--json"))[0]
	if secret := made["secret"].(string); !strings.HasPrefix(secret, "abk_1_1_") || made["id"] != "1" || len(made["scopes"].([]any)) != 2 {
		t.Errorf("created %v", made)
	}
	if listing := s.must("key", "list", "--json"); strings.Contains(listing, "abk_") || strings.Contains(listing, "secret") || !strings.Contains(listing, "CRM") {
		t.Errorf("the listing tells too much, or too little: %s", listing)
	}
	if out := s.must("key", "disable", "CRM"); out != "CRM is disabled\n" {
		t.Error(out)
	}
	if row := objects(t, s.must("key", "enable", "1", "--json"))[0]; row["disabled"] != false {
		t.Error(row)
	}
	s.fails(exitError, []string{"belongs to another key"}, "key", "create", "--name", "CRM", "--scope", "threads.see")
	s.fails(exitUsage, []string{"is no permission"}, "key", "create", "--name", "X", "--scope", "everything")
	s.fails(exitUsage, []string{"--scope"}, "key", "create", "--name", "X")
	s.fails(exitError, []string{`no API key "Nope"`, "afterbeep key list"}, "key", "disable", "Nope")
	var got []string
	for _, row := range objects(t, s.must("audit", "list", "--json")) {
		got = append(got, row["action"].(string))
	}
	if strings.Join(got, " ") != "key.enabled key.disabled key.created" {
		t.Errorf("the audit log says %q", got)
	}
}
