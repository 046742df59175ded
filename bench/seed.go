package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/test/rig"
)

// seeded is a store with at least n sorted messages, all of whose threads are
// open: the journal is filled directly, and a server sorts it.
func (b *bench) seeded(n int) (rig.Options, rig.Credentials, error) {
	folder, creds, err := b.seed(fmt.Sprintf("store-%d", n), func(o rig.Options) (rig.Credentials, error) {
		creds := rig.Provision(b.stage, o)
		if err := b.fill(o, n, 30*24*time.Hour, letters(creds)); err != nil {
			return creds, err
		}
		s, err := b.serve(o, creds)
		if err != nil {
			return creds, err
		}
		return creds, errors.Join(s.drained(b, time.Hour), s.leave())
	})
	return settings(folder, ""), creds, err
}

// seed gives the data folder of a store that is made once for each schema, and
// kept in the cache.
func (b *bench) seed(name string, grow func(rig.Options) (rig.Credentials, error)) (data string, creds rig.Credentials, err error) {
	schema, err := schemaPrint()
	if err != nil {
		return "", creds, err
	}
	folder := filepath.Join(b.cache, name+"-"+schema)
	data = filepath.Join(folder, "data")
	marker := filepath.Join(folder, "seeded.json")
	if text, err := os.ReadFile(marker); err == nil {
		return data, creds, json.Unmarshal(text, &creds)
	}
	b.say("seeding %s in %s (once; takes minutes for millions)", name, folder)
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
		return "", creds, err
	}
	if creds, err = grow(settings(data, "")); err != nil {
		return "", creds, err
	}
	text, err := json.Marshal(creds)
	if err != nil {
		return "", creds, err
	}
	return data, creds, os.WriteFile(marker, text, 0o600)
}

// schemaPrint changes with the migrations, so that a store of another schema
// is not taken for one of this.
func schemaPrint() (string, error) {
	migrations, err := store.Migrations("sqlite")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	err = fs.WalkDir(migrations, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations, path)
		sum.Write(text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:8], err
}

// fill writes n messages into the journal of a store that no server runs on, as
// intake would have written them, spread evenly over the time before now.
func (b *bench) fill(o rig.Options, n int, over time.Duration, write author) error {
	a, err := b.store(o)
	if err != nil {
		return err
	}
	return errors.Join(appendAll(b.ctx, a.Store, n, over, write), a.Close())
}

// store opens a store as a command does.
func (b *bench) store(o rig.Options) (*app.App, error) {
	given := map[string]string{"data": o.Data}
	if o.Database != "" {
		given = map[string]string{"database": o.Database, "migrate-database": o.Migrate}
	}
	set, err := config.Load("", nil, given)
	if err != nil {
		return nil, err
	}
	return app.Open(b.ctx, set)
}

// author writes the n-th message: all of it but its tenant, ID and time.
type author func(n int, m *desk.Message) error

// letters are those of a million callers.
func letters(creds rig.Credentials) author {
	return func(n int, m *desk.Message) (err error) {
		m.App, m.UserID, m.UserName, m.Locale = desk.AppKey(creds.AppKey), "bench", "Bench", "zh_CN"
		m.CallID, m.Caller, m.Text = letter(n)
		m.Channel, err = desk.ParseChannelID(creds.ChannelID)
		return err
	}
}

func appendAll(ctx context.Context, s *store.Store, n int, over time.Duration, write author) error {
	at, step := time.Now().Add(-over), over/time.Duration(n)
	ids := desk.NewSequence(desk.MaxNode, 0, func() time.Time { return at })
	const rows = 16
	for i := 0; i < n; {
		batch := &desk.Batch{At: at}
		for range rows {
			row := desk.Row{}
			for ; row.Count < desk.RowLines && i < n; i++ {
				at = at.Add(step)
				m := &desk.Message{Tenant: desk.DefaultTenant, ID: ids.Next(), ReceivedAt: at}
				if err := write(i, m); err != nil {
					return err
				}
				if row.Count == 0 {
					row.First = m.ID
				}
				row.Last, row.Lines = m.ID, desk.AppendLine(row.Lines, m)
				row.Count++
			}
			if row.Count > 0 {
				batch.Rows = append(batch.Rows, row)
			}
		}
		if err := s.Append(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// leave asks the server to drain and go, and waits until it has.
func (s *server) leave() error {
	s.Term()
	if code, gone := s.Wait(30 * time.Second); !gone || code != 0 {
		return fmt.Errorf("the server left with code %d (gone: %t)", code, gone)
	}
	return nil
}
