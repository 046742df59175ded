package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/archive"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// Backup writes a consistent, verified copy of the data folder to file while a
// server may run on it. A PostgreSQL is backed up by Export.
func Backup(ctx context.Context, s config.Settings, file string, progress func(done, total int64)) error {
	_, err := sqlite.Backup(ctx, s.Data, file, options(s), progress)
	return err
}

// Restore puts a backup into an empty data folder or an empty PostgreSQL; which
// form it has, its first bytes say. Progress is in rows, and only for archives.
func Restore(ctx context.Context, s config.Settings, file string, progress func(done, total int64)) error {
	form, err := archive.Recognise(file)
	if err != nil {
		return err
	}
	if form == archive.Portable {
		p, err := here(s)
		if err != nil {
			return err
		}
		return imports(ctx, p, file, progress)
	}
	if s.Database != "" {
		return desk.Errorf(desk.Invalid, "backup", "%s is a backup of a data folder; restore it into a folder (--data, without --database), and move that: "+
			"afterbeep move --from sqlite:FOLDER --to postgres://…", file)
	}
	_, err = sqlite.Restore(ctx, file, s.Data, options(s))
	return err
}

// Finding is one thing that the doctor looked at.
type Finding struct {
	Name   string
	OK     bool
	Detail string // what was seen
	Remedy string // what to do; "" when OK
}

// leastFree is the free disk below which the doctor complains: a flood's worth.
const leastFree = 1 << 30

// Doctor looks at everything that can be wrong with an installation, whether a
// server runs on it or not, and changes nothing.
func Doctor(ctx context.Context, s config.Settings) []Finding {
	d := &doctor{set: s}
	d.settings()
	if s.Database != "" {
		d.database(ctx)
		return d.found
	}
	if !d.folder() {
		return d.found
	}
	d.space()
	d.store(ctx)
	return d.found
}

type doctor struct {
	set   config.Settings
	found []Finding
}

func (d *doctor) ok(name, format string, args ...any) {
	d.found = append(d.found, Finding{Name: name, OK: true, Detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) wrong(name, remedy, format string, args ...any) {
	d.found = append(d.found, Finding{Name: name, Detail: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (d *doctor) settings() {
	if err := d.set.Check(); err != nil {
		d.wrong("settings", "change the setting; \"afterbeep config\" shows where it comes from", "%v", err)
		return
	}
	d.ok("settings", "safe and within their ranges")
}

func (d *doctor) folder() bool {
	file := filepath.Join(d.set.Data, sqlite.File)
	if _, err := os.Stat(file); err != nil {
		d.wrong("data folder", "name the right folder with --data, or start \"afterbeep serve\" to make one", "there is no store in %s", d.set.Data)
		return false
	}
	for _, name := range []string{d.set.Data, file} {
		st, err := os.Stat(name)
		if err != nil {
			d.wrong("data folder", "check the folder", "%v", err)
			return false
		}
		others := os.FileMode(0o077) // of the file: who may read it; of the folder: who may put something into it
		if st.IsDir() {
			others = 0o022
		}
		if st.Mode().Perm()&others != 0 {
			d.wrong("permissions", "chmod go= "+name, "others on this machine have a hand in %s (mode %04o)", name, st.Mode().Perm())
			return true
		}
	}
	d.ok("permissions", "%s belongs to its owner alone", d.set.Data)
	return true
}

func (d *doctor) space() {
	free, total, err := diskFree(d.set.Data)
	switch {
	case err != nil:
		d.wrong("disk", "check the disk", "%v", err)
	case free < leastFree:
		d.wrong("disk", "make room: when the disk is full, messages are refused", "%d MiB of %d MiB free", free>>20, total>>20)
	default:
		d.ok("disk", "%d MiB of %d MiB free", free>>20, total>>20)
	}
}

func (d *doctor) store(ctx context.Context) {
	a, err := Open(ctx, d.set)
	if err != nil {
		d.wrong("store", "follow the sentence; a backup can be restored into a new folder", "%v", err)
		return
	}
	defer a.Close()
	if err := sqlite.Integrity(ctx, d.set.Data); err != nil {
		d.wrong("integrity", "stop the server, keep the folder for analysis, and restore the newest backup into a new one", "%v", err)
	} else {
		d.ok("integrity", "%s finds every page and index sound", Engine())
	}
	if err := a.Store.Complete(ctx); err != nil {
		d.wrong("whole", "run the move or the restore again", "%v", err)
	}
	d.writable(ctx, a)
	d.rows(ctx, a, sqlite.Served(d.set.Data))
	d.clock(ctx, a)
}

func (d *doctor) writable(ctx context.Context, a *App) {
	if err := a.Store.Probe(ctx, time.Now()); err != nil {
		d.wrong("writing", "make the disk writable again, or the database one that takes writes", "%v", err)
		return
	}
	d.ok("writing", "a row was written and flushed")
}

func (d *doctor) rows(ctx context.Context, a *App, served bool) {
	r, err := a.Store.Check(ctx, func(int64) {})
	switch {
	case err != nil:
		d.wrong("hashes", "restore the newest backup into a new folder", "%v", err)
	case len(r.Damaged) > 0:
		d.wrong("hashes", "restore these rows from a backup: restore it into a new place, then look there",
			"%d damaged: %s", len(r.Damaged), strings.Join(r.Damaged[:min(len(r.Damaged), 20)], ", "))
	default:
		d.ok("hashes", "%d messages, %d threads, %d events and %d waiting messages are what was written", r.Messages, r.Threads, r.Events, r.Waiting)
	}
	if r.Aside > 0 {
		d.wrong("set aside", "afterbeep messages list --state aside shows those that can be read; the others are in a backup, if anywhere",
			"%d messages could not be sorted: %s", r.Aside, strings.Join(r.Reasons[:min(len(r.Reasons), 20)], ", "))
	}
	if r.Waiting > 0 && !served {
		d.wrong("waiting", "start \"afterbeep serve\"", "%d messages wait to be sorted and no server runs", r.Waiting)
	}
}

func (d *doctor) clock(ctx context.Context, a *App) {
	last, err := a.Store.LastID(ctx)
	if ahead := time.Until(last.Time()); err == nil && ahead > time.Minute {
		d.wrong("clock", "set the clock (NTP); order is kept all the same", "the newest message is from %s in the future", ahead.Round(time.Second))
		return
	}
	d.ok("clock", "not behind the newest message")
}
