package config

import (
	"os"
	"strings"
	"testing"
)

// What operators are told to put into the settings file is read, and is safe.
func TestTheSettingsThatTheManualShowsAreTaken(t *testing.T) {
	raw, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	const head = "# /etc/afterbeep.yaml\n"
	n := 0
	for _, rest := range strings.Split(string(raw), head)[1:] {
		var text strings.Builder
		margin := len(rest) - len(strings.TrimLeft(rest, " "))
		for line := range strings.Lines(rest) {
			if strings.TrimSpace(line) == "" || !strings.HasPrefix(line, strings.Repeat(" ", margin)) {
				break
			}
			text.WriteString(line[margin:])
		}
		s, err := Load(write(t, text.String()), nil, nil)
		if err == nil && s.Database == "" && s.Postgres.Standbys > 0 {
			s.Database = "postgres://app@db/afterbeep"
		}
		if err == nil {
			err = s.Check()
		}
		if err != nil || s == Defaults() {
			t.Errorf("%v\n%s", err, text.String())
		}
		n++
	}
	if n < 4 {
		t.Errorf("%d blocks were found", n)
	}
}
