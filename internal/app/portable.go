package app

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/afterbeep/afterbeep/internal/archive"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// Export writes a portable backup of one moment to file, while servers may run,
// and reads it back; progress is in rows.
func Export(ctx context.Context, s config.Settings, file string, now time.Time, progress func(done, total int64)) error {
	a, err := Open(ctx, s)
	if err != nil {
		return err
	}
	_, err = archive.Create(file, func(to io.Writer) error {
		return a.Store.Still(ctx, func(f *store.Still) error {
			return export(ctx, a.Store, f, to, &exporting{now, pace{tell: progress}})
		})
	})
	return errors.Join(err, a.Close())
}

type exporting struct {
	now  time.Time
	pace pace
}

// counted is everything that there is to carry, and how many rows it has.
func counted(ctx context.Context, f *store.Still) (sections []store.Section, rows int64, err error) {
	if sections, err = f.Sections(ctx); err != nil {
		return nil, 0, err
	}
	for _, at := range sections {
		n, err := f.Count(ctx, at)
		if err != nil {
			return nil, 0, err
		}
		rows += n
	}
	return sections, rows, nil
}

func export(ctx context.Context, s *store.Store, f *store.Still, to io.Writer, e *exporting) error {
	sections, rows, err := counted(ctx, f)
	if err != nil {
		return err
	}
	e.pace.total = rows
	schema, _, err := s.Schema(ctx)
	if err != nil {
		return err
	}
	w, err := archive.NewWriter(to, archive.Head{Schema: schema, Engine: s.Engine(), At: e.now})
	if err != nil {
		return err
	}
	for _, at := range sections {
		if err := w.Section(at); err != nil {
			return err
		}
		err := f.Each(ctx, at, nil, func(page []store.Values) error {
			e.pace.add(len(page))
			return w.Rows(page)
		})
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// imports puts a portable backup into a place that is empty. The whole archive
// is read before the first row is written, and what was written is read again at
// the end.
func imports(ctx context.Context, p place, file string, progress func(done, total int64)) (err error) {
	whole, err := archive.ReadFile(file, archive.Nothing)
	if err != nil {
		return err
	}
	if err := vacant(p); err != nil {
		return err
	}
	s, end, err := p.fill(ctx)
	if err != nil {
		return closing(err, end)
	}
	defer func() { err = errors.Join(err, end()) }()
	if _, err := s.Begin(ctx, "restore of an archive, SHA-256 "+whole.SHA256[:16]); err != nil {
		return err
	}
	steps := pace{tell: progress, total: 2 * whole.Rows()}
	err = tended(ctx, s, func(ctx context.Context) error {
		_, err := archive.ReadFile(file, func(at store.Section, page []store.Values) error {
			steps.add(len(page))
			return s.Put(ctx, at, page)
		})
		if err != nil {
			return err
		}
		return verify(ctx, s, whole, &steps)
	})
	if err != nil {
		return err
	}
	return s.End(ctx)
}

// vacant refuses a folder with something in it that is no store of ours; what a
// store holds, the store says itself.
func vacant(p place) error {
	if p.folder == "" {
		return nil
	}
	entries, err := os.ReadDir(p.folder)
	if err != nil || len(entries) == 0 {
		return nil // it is made, or the next step says what is wrong with it
	}
	if _, err := os.Stat(filepath.Join(p.folder, sqlite.File)); err != nil {
		return desk.Errorf(desk.Conflict, "folder_not_empty", "%s is not empty; a restore never overwrites data, so name a new folder", p.folder)
	}
	return nil
}

// verify compares what is in the store with what the archive says.
func verify(ctx context.Context, s *store.Store, whole archive.Summary, steps *pace) error {
	said := map[string]archive.Total{}
	for _, t := range whole.Totals {
		said[key(t.Table, t.Tenant)] = t
	}
	return s.Still(ctx, func(f *store.Still) error {
		sections, err := f.Sections(ctx)
		if err != nil {
			return err
		}
		for _, at := range sections {
			sum, err := f.Sum(ctx, at, steps.add)
			if err != nil {
				return err
			}
			t := said[key(at.Table.Name, at.Tenant)]
			delete(said, key(at.Table.Name, at.Tenant))
			if sum.Rows != t.Rows || sum.Rows > 0 && sum.Hash() != t.Hash {
				return desk.Errorf(desk.Unstored, "differs",
					"table %s of tenant %d is not what the archive says, after it was written; the target is not usable, so look at its disk and take another", at.Table.Name, at.Tenant)
			}
		}
		if len(said) > 0 {
			return desk.Errorf(desk.Invalid, "archive", "the archive has rows of a tenant that it does not name")
		}
		return nil
	})
}

func key(table string, tenant desk.TenantID) string { return table + " " + desk.ID(tenant).String() }
