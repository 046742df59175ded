package app

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// place is where a store is.
type place struct {
	set    config.Settings // with Data or Database pointing there
	folder string          // "" for a PostgreSQL
	name   string          // for people, without a password, and the same however it is written
}

// placeOf reads sqlite:FOLDER or postgres://…
func placeOf(s config.Settings, flag, text string) (place, error) {
	if folder, found := strings.CutPrefix(text, "sqlite:"); found && folder != "" {
		whole, err := filepath.Abs(strings.TrimPrefix(folder, "//"))
		if err != nil {
			return place{}, err
		}
		s.Data, s.Database, s.MigrateDatabase = whole, "", ""
		return place{s, whole, "sqlite:" + whole}, s.Check()
	}
	d, err := config.ParseDatabase(text)
	if err != nil {
		return place{}, desk.Errorf(desk.Invalid, "place",
			"%s is neither sqlite:FOLDER nor a URL such as %s: as a URL it %v", flag, config.Example, err)
	}
	s.Database = text
	return place{s, "", "postgres://" + strings.Join(d.Hosts, ",") + "/" + d.Name}, s.Check()
}

// here is the place that the settings name.
func here(s config.Settings) (place, error) {
	if s.Database != "" {
		return placeOf(s, "database", s.Database)
	}
	return placeOf(s, "data", "sqlite:"+s.Data)
}

// patient is how long a transaction of a move may take: nobody waits for it.
const patient = time.Minute

// look opens a place to be read. No server may run there, and none can start in
// a folder meanwhile.
func (p place) look(ctx context.Context) (s *store.Store, done func() error, err error) {
	if p.folder == "" {
		o, err := shared(p.set)
		if err != nil {
			return nil, nil, err
		}
		o.NoMigrate, o.Standbys, o.Patience = true, 0, patient
		if s, err = postgres.Open(ctx, o); err != nil {
			return nil, nil, err
		}
		return s, s.Close, p.quiet(ctx, s)
	}
	if s, err = sqlite.Look(ctx, p.folder, options(p.set)); err != nil {
		return nil, nil, err
	}
	unlock, err := sqlite.Claim(p.folder, options(p.set))
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, func() error { defer unlock(); return s.Close() }, nil
}

// fill opens a place to be filled.
func (p place) fill(ctx context.Context) (s *store.Store, done func() error, err error) {
	if p.folder == "" {
		o, err := shared(p.set)
		if err != nil {
			return nil, nil, err
		}
		o.Patience = patient
		if s, err = postgres.Open(ctx, o); err != nil {
			return nil, nil, err
		}
		return s, s.Close, p.quiet(ctx, s)
	}
	unlock, err := sqlite.Claim(p.folder, options(p.set))
	if err != nil {
		return nil, nil, err
	}
	if s, err = sqlite.Open(ctx, p.folder, options(p.set)); err != nil {
		unlock()
		return nil, nil, err
	}
	return s, func() error { defer unlock(); return s.Close() }, nil
}

// quiet refuses a database on which servers run. When it does, the store is
// closed by whoever opened it.
func (p place) quiet(ctx context.Context, s *store.Store) error {
	all, now, err := s.Nodes(ctx)
	if err != nil {
		return err
	}
	var live []string
	for _, n := range all {
		if n.Live(now) {
			live = append(live, n.Address)
		}
	}
	if len(live) > 0 {
		return desk.Errorf(desk.Conflict, "served", "%d servers run on %s (%s); stop them first: one that was killed counts for a minute more",
			len(live), p.name, strings.Join(live, ", "))
	}
	return nil
}

// tended runs work on a store while its engine is tended.
func tended(ctx context.Context, s *store.Store, work func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	err := work(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// pace tells how far a long work is, not more often than people can see.
type pace struct {
	done, total int64
	told        time.Time
	tell        func(done, total int64)
}

func (p *pace) add(n int) {
	p.done += int64(n)
	if now := time.Now(); now.Sub(p.told) > 50*time.Millisecond {
		p.told = now
		p.tell(p.done, max(p.total, p.done))
	}
}
