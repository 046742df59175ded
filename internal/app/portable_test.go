package app

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/archive"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

func TestAPortableBackupIsRestoredIntoEitherEngineUnchanged(t *testing.T) {
	for name, from := range map[string]func(*testing.T) spot{"SQLite": folder, "PostgreSQL": postgresql} {
		t.Run(name, func(t *testing.T) {
			source := from(t)
			furnished(t, source.set, 1200)
			before := sums(t, source.set)
			file := filepath.Join(t.TempDir(), "backup.jsonl.gz")
			must(t, Export(t.Context(), source.set, file, time.Now(), nobody))
			for _, target := range []spot{folder(t), postgresql(t)} {
				must(t, Restore(t.Context(), target.set, file, nobody))
				same(t, before, sums(t, target.set))
				a, err := Open(t.Context(), target.set)
				must(t, err)
				r, err := a.Store.Check(t.Context(), func(int64) {})
				if err != nil || len(r.Damaged) > 0 || r.Messages == 0 {
					t.Errorf("%+v %v", r, err)
				}
				must(t, a.Close())
				if err := Restore(t.Context(), target.set, file, nobody); desk.KindOf(err) != desk.Conflict {
					t.Errorf("a restore goes over what is there: %v", err)
				}
			}
			if err := Export(t.Context(), source.set, file, time.Now(), nobody); desk.KindOf(err) != desk.Conflict {
				t.Errorf("a backup goes over another: %v", err)
			}
		})
	}
}

func TestABackupIsOfOneMomentHoweverMuchIsWritten(t *testing.T) {
	for name, from := range map[string]func(*testing.T) spot{"SQLite": folder, "PostgreSQL": postgresql} {
		t.Run(name, func(t *testing.T) {
			source, target := from(t), folder(t)
			furnished(t, source.set, 1200)
			a, err := Open(t.Context(), source.set)
			must(t, err)
			defer a.Close()
			file := filepath.Join(t.TempDir(), "backup")
			writes := 0
			must(t, Export(t.Context(), source.set, file, time.Now(), func(int64, int64) {
				leave(t, a, "meanwhile")
				drain(t, a.Store)
				writes++
			}))
			must(t, Restore(t.Context(), target.set, file, nobody))
			b, err := Open(t.Context(), target.set)
			must(t, err)
			defer b.Close()
			r, err := b.Store.Check(t.Context(), func(int64) {})
			if err != nil || len(r.Damaged) > 0 || writes == 0 || r.Waiting != 2 {
				t.Errorf("after %d writes: %+v %v", writes, r, err)
			}
		})
	}
}

func TestARestoreRefusesWhatIsNoWholeArchiveAndWritesNothing(t *testing.T) {
	source := folder(t)
	furnished(t, source.set, 200)
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	must(t, Export(t.Context(), source.set, whole, time.Now(), nobody))
	raw, err := os.ReadFile(whole)
	must(t, err)
	edited := slices.Clone(raw)
	edited[len(edited)/2] ^= 1
	for name, text := range map[string][]byte{
		"garbage": []byte("hello, world"), "empty": nil, "cut": raw[:len(raw)-1], "half": raw[:len(raw)/2], "edited": edited, "doubled": append(slices.Clone(raw), raw...),
	} {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, text, 0o600))
		target := folder(t)
		if err := Restore(t.Context(), target.set, file, nobody); desk.KindOf(err) != desk.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(target.set.Data); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
	if err := Restore(t.Context(), folder(t).set, filepath.Join(dir, "nothing"), nobody); desk.KindOf(err) != desk.Missing {
		t.Error(err)
	}
}

func TestADatabaseFileGoesIntoAFolderOnly(t *testing.T) {
	source := folder(t)
	furnished(t, source.set, 20)
	file := filepath.Join(t.TempDir(), "backup.db")
	must(t, Backup(t.Context(), source.set, file, nobody))
	if err := Restore(t.Context(), postgresql(t).set, file, nobody); desk.KindOf(err) != desk.Invalid || !strings.Contains(err.Error(), "afterbeep move") {
		t.Error(err)
	}
	target := folder(t)
	must(t, Restore(t.Context(), target.set, file, nobody))
	same(t, sums(t, source.set), sums(t, target.set))
}

func TestARestoreThatWasInterruptedIsRunAgain(t *testing.T) {
	source, target := folder(t), postgresql(t)
	furnished(t, source.set, 1200)
	file := filepath.Join(t.TempDir(), "backup")
	must(t, Export(t.Context(), source.set, file, time.Now(), nobody))
	ctx, cancel := context.WithCancel(t.Context())
	err := Restore(ctx, target.set, file, func(int64, int64) { cancel() })
	if err == nil {
		t.Fatal("it was not interrupted")
	}
	halfFilled(t, target.set)
	must(t, Restore(t.Context(), target.set, file, nobody))
	same(t, sums(t, source.set), sums(t, target.set))
}

func TestADamagedRowIsNoPartOfABackup(t *testing.T) {
	source := folder(t)
	furnished(t, source.set, 20)
	harm(t, source, `UPDATE message SET body = 'altered' WHERE id = (SELECT min(id) FROM message)`)
	file := filepath.Join(t.TempDir(), "backup")
	if err := Export(t.Context(), source.set, file, time.Now(), nobody); desk.KindOf(err) != desk.Unstored || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a backup with damage in it got its name")
	}
}

func TestTheDoctorNamesWhatIsWrongWithAPostgreSQL(t *testing.T) {
	for want, do := range map[string]func(t *testing.T, s *spot){
		"":                   func(*testing.T, *spot) {},
		"database":           func(_ *testing.T, s *spot) { s.set.Database = strings.Replace(s.set.Database, "@", "x@", 1) },
		"row-level security": func(t *testing.T, s *spot) { change(t, s, `ALTER TABLE message NO FORCE ROW LEVEL SECURITY`) },
		"application role,store": func(t *testing.T, s *spot) {
			change(t, s, `ALTER ROLE `+user(t, s.set.Database)+` BYPASSRLS`)
		},
		"application role,owner role,row-level security": func(_ *testing.T, s *spot) { s.set.Database = s.set.MigrateDatabase },
		"owner role":     func(_ *testing.T, s *spot) { s.set.MigrateDatabase = s.set.Database },
		"standbys,store": func(_ *testing.T, s *spot) { s.set.Postgres.Standbys = 1 },
		"connections":    func(_ *testing.T, s *spot) { s.set.Postgres.Connections = 500 },
		"flushing,store": func(t *testing.T, s *spot) {
			change(t, s, `ALTER ROLE `+user(t, s.set.Database)+` SET synchronous_commit = off`)
		},
		"waiting": func(t *testing.T, s *spot) {
			a, err := Open(t.Context(), s.set)
			must(t, err)
			leave(t, a, "nobody sorts this")
			must(t, a.Close())
		},
		"whole": func(t *testing.T, s *spot) { change(t, s, `INSERT INTO mark VALUES ('filling', 'move from nowhere')`) },
		"clocks": func(t *testing.T, s *spot) {
			st, err := openStore(t.Context(), s.set)
			must(t, err)
			_, err = st.Join(t.Context(), store.Node{Holder: "other", Address: "10.0.0.7:8080", Clock: time.Now().Add(time.Minute)}, time.Minute)
			must(t, err)
			must(t, st.Close())
		},
	} {
		s := postgresql(t)
		a, err := Open(t.Context(), s.set)
		must(t, err)
		must(t, a.Close())
		do(t, &s)
		found := Doctor(t.Context(), s.set)
		if got := strings.Join(wrongs(found), ","); got != want {
			t.Errorf("the doctor finds %q, want %q\n%+v", got, want, found)
		}
		for _, f := range found {
			if d, err := config.ParseDatabase(s.raw); err == nil && strings.Contains(f.Detail+f.Remedy, secretOf(d.URL)) {
				t.Errorf("%s shows a password", f.Name)
			}
		}
	}
}

func secretOf(url string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(url, "postgres://"), ":")
	word, _, _ := strings.Cut(rest, "@")
	return word
}

func user(t *testing.T, url string) string {
	d, err := config.ParseDatabase(url)
	must(t, err)
	return d.User
}

// change runs a statement as the superuser.
func change(t *testing.T, s *spot, statement string) {
	t.Helper()
	db := opened(t, *s)
	defer db.Close()
	_, err := db.ExecContext(t.Context(), statement)
	must(t, err)
}

func TestTheDoctorCountsTheStandbysThatAreReallySynchronous(t *testing.T) {
	server := cluster.Start(t, cluster.Options{})
	db := server.Database(t)
	s := settings(t)
	s.Database, s.MigrateDatabase = db.App, db.Owner
	if _, _, err := Migrate(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	spot := spot{s, db.App, db.Super}
	finds := func(want string) {
		t.Helper()
		if got := strings.Join(wrongs(Doctor(t.Context(), spot.set)), ","); got != want {
			t.Errorf("the doctor finds %q, want %q: %+v", got, want, Doctor(t.Context(), spot.set))
		}
	}
	finds("")
	server.Standby(t, "one", cluster.Options{})
	finds("") // it follows, and nobody asked for more
	server.Synchronous("one")
	finds("standbys") // this role may not see it
	change(t, &spot, `GRANT pg_read_all_stats TO `+user(t, db.App))
	finds("standbys") // and the nodes would start without it
	spot.set.Postgres.Standbys = 1
	finds("")
	spot.set.Postgres.Standbys = 2
	finds("standbys,store")
}

func TestAnArchiveSaysWhereItIsFrom(t *testing.T) {
	source := postgresql(t)
	furnished(t, source.set, 5)
	file := filepath.Join(t.TempDir(), "backup")
	must(t, Export(t.Context(), source.set, file, time.Unix(1700000000, 0), nobody))
	s, err := archive.ReadFile(file, archive.Nothing)
	must(t, err)
	if s.Head.Engine != "postgres" || s.Head.Schema < 1 || !s.Head.At.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("%+v", s.Head)
	}
}
