package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

// museum is a PostgreSQL that lives as long as the run, with what was seeded in
// it: each database is moved there once, by the product's own means, and copied
// by PostgreSQL for each suite that uses it.
type museum struct {
	server  *postgres.Server
	origins map[int]postgres.DB // by the number of messages
	copies  int
}

// moved gives a database with what a folder holds.
func (b *bench) moved(messages int, folder string, creds rig.Credentials) (rig.Options, error) {
	m := &b.museum
	if m.server == nil {
		m.server, m.origins = postgres.Start(b.run, tuned()), map[int]postgres.DB{}
	}
	origin, known := m.origins[messages]
	if !known {
		origin = m.server.Database(b.run)
		o := on(origin)
		b.say("moving %d messages to PostgreSQL (once a run)", messages)
		if err := b.move(o, folder, creds); err != nil {
			return o, err
		}
		m.origins[messages] = origin
	}
	m.copies++
	name := fmt.Sprintf("copy%d", m.copies)
	db, err := copied(b.ctx, origin, name)
	b.stage.Cleanup(func() {
		_ = ask(context.Background(), at(origin.Super, "postgres"), "DROP DATABASE "+name+" WITH (FORCE)") // it goes with the server in any case
	})
	return on(db), err
}

// move fills an empty database, and makes what is derived.
func (b *bench) move(o rig.Options, folder string, creds rig.Credentials) error {
	o.Limit = 2 * time.Hour
	rig.Must(b.stage, o, "move", "--from", "sqlite:"+folder, "--to", o.Database)
	return b.settle(o, creds)
}

// copied is a database with everything that another one holds, and nobody in it.
func copied(ctx context.Context, origin postgres.DB, name string) (postgres.DB, error) {
	u, err := url.Parse(origin.App)
	if err != nil {
		return postgres.DB{}, err
	}
	from, app := strings.TrimPrefix(u.Path, "/"), u.User.Username()
	return postgres.DB{App: at(origin.App, name), Owner: at(origin.Owner, name), Super: at(origin.Super, name)},
		ask(ctx, at(origin.Super, "postgres"),
			"CREATE DATABASE "+name+" TEMPLATE "+from+" STRATEGY FILE_COPY OWNER "+strings.TrimSuffix(app, "app")+"owner",
			"REVOKE ALL ON DATABASE "+name+" FROM PUBLIC",
			"GRANT CONNECT ON DATABASE "+name+" TO "+app)
}

// at is the same URL for another database.
func at(text, name string) string {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // the rig made it
	}
	u.Path = "/" + name
	return u.String()
}

func ask(ctx context.Context, url string, statements ...string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	for _, s := range statements {
		if _, err := c.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
