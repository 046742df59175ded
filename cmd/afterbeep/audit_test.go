package main

import (
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestTheWholeAuditLogIsListedHoweverManyPagesItHas(t *testing.T) {
	s := newShell(t)
	s.must("key", "create", "--name", "CRM", "--scope", "threads.see")
	set := config.Defaults()
	set.Data = s.data
	a, err := app.Open(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	keys, by := a.Keys(), app.Operator(desk.DefaultTenant)
	for i := range page {
		if _, err := keys.Disable(t.Context(), &by, 1, i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[string]int{"0": page + 1, "501": page + 1, "500": page, "3": 3} {
		rows := objects(t, s.must("audit", "list", "--json", "--limit", limit))
		if len(rows) != want {
			t.Errorf("--limit %s: %d rows, want %d", limit, len(rows), want)
		}
		for i, row := range rows {
			if row["seq"] != float64(page+1-i) {
				t.Fatalf("--limit %s: row %d is %v", limit, i, row["seq"])
			}
		}
	}
	today := time.Now().Format(time.DateOnly)
	for back, some := range map[string]bool{"7d": true, "1h": true, today: true} {
		if out := s.must("audit", "list", "--json", "--since", back, "--limit", "1"); (out != "") != some {
			t.Errorf("--since %s lists %q", back, out)
		}
	}
	s.fails(exitUsage, []string{"--since", "7d"}, "audit", "list", "--since", "last week")
}
