package contract

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // to break an open store on purpose

	"github.com/afterbeep/afterbeep/test/rig"
)

// state plays the rows about the server's own troubles that a real binary can
// be brought into; see elsewhere for the others.
func (p *player) state(t *testing.T, w *world) {
	p.row(t, 63, "token store unreachable", func(t *testing.T) { unreadable(t) })
	p.row(t, 64, "client hung up before the answer", func(t *testing.T) {
		for i := range 20 {
			c := w.leaving().with("Idempotency-Key", fmt.Sprintf("row-64-%d", i))
			l := dial(t, w.host, "")
			if _, err := l.Write(c.bytes(w.host)); err != nil {
				t.Fatal(err)
			}
			l.Close()
			a := send(t, w.host, c)
			is(t, a, 200, stored)
			a.Header.Del("Idempotency-Replayed") // whichever of the two it was, it is stored once
			w.remember(t, c, a)
		}
	})
}

// unreadable takes the table of apps away from a running server: soon nobody
// can tell whose credentials are good, and the answer must say just that.
func unreadable(t *testing.T) {
	w := found(t, "AFTERBEEP_SNAPSHOT_MAX_AGE=2s")
	is(t, w.leave(t, w.leaving()), 200, stored)
	files, err := filepath.Glob(filepath.Join(w.options.Data, "*.db"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database in the data folder: %v", err)
	}
	change := func(statements ...string) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+files[0]+"?_pragma=busy_timeout(5000)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	change(`ALTER TABLE app RENAME TO app_gone`, `UPDATE revision SET n = n + 1`)
	var a answer
	soon(t, "nobody can tell whose credentials are good", func() bool {
		a = w.leave(t, w.leaving())
		if a.Status == http.StatusUnauthorized {
			t.Fatal("401: clients would throw good tokens away")
		}
		return a.Status == http.StatusInternalServerError
	})
	gate(t, a, http.StatusInternalServerError)
	gate(t, send(t, w.host, w.asking(w.creds)), http.StatusInternalServerError)
	gate(t, send(t, w.host, w.applying(w.creds, w.access)), http.StatusInternalServerError)
	gate(t, send(t, w.host, w.leaving().with("Authorization", "Bearer "+w.access[1:])), http.StatusInternalServerError)
	if n := len(rig.Messages(t, w.options)); n == 0 {
		t.Error("messages cannot be read meanwhile")
	}
	change(`ALTER TABLE app_gone RENAME TO app`)
	soon(t, "it heals by itself", func() bool { return w.leave(t, w.leaving()).Body == stored })
	w.settle(t)
}
