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

// seeded is a store with at least n sorted messages, made once for each schema
// and kept in the cache: the journal is filled directly, and a server sorts it.
func (b *bench) seeded(n int) (rig.Options, rig.Credentials, error) {
	var creds rig.Credentials
	schema, err := schemaPrint()
	if err != nil {
		return rig.Options{}, creds, err
	}
	folder := filepath.Join(b.cache, fmt.Sprintf("store-%d-%s", n, schema))
	o := settings(filepath.Join(folder, "data"), "")
	marker := filepath.Join(folder, "seeded.json")
	if text, err := os.ReadFile(marker); err == nil {
		return o, creds, json.Unmarshal(text, &creds)
	}
	b.say("seeding %d messages in %s (once; takes minutes for millions)", n, folder)
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
		return o, creds, err
	}
	creds = rig.Provision(b.stage, o)
	if err := b.fill(o, creds, n, 30*24*time.Hour); err != nil {
		return o, creds, err
	}
	s, err := b.serve(o, creds)
	if err != nil {
		return o, creds, err
	}
	if err := errors.Join(s.drained(b, time.Hour), s.leave()); err != nil {
		return o, creds, err
	}
	text, err := json.Marshal(creds)
	if err != nil {
		return o, creds, err
	}
	return o, creds, os.WriteFile(marker, text, 0o600)
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
func (b *bench) fill(o rig.Options, creds rig.Credentials, n int, over time.Duration) error {
	a, err := b.store(o)
	if err != nil {
		return err
	}
	return errors.Join(appendAll(b.ctx, a.Store, creds, n, over), a.Close())
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

func appendAll(ctx context.Context, s *store.Store, creds rig.Credentials, n int, over time.Duration) error {
	channel, err := desk.ParseChannelID(creds.ChannelID)
	if err != nil {
		return err
	}
	at, step := time.Now().Add(-over), over/time.Duration(n)
	ids := desk.NewSequence(desk.MaxNode, 0, func() time.Time { return at })
	message := func(i int) *desk.Message {
		at = at.Add(step)
		m := &desk.Message{
			Tenant: desk.DefaultTenant, ID: ids.Next(), Channel: channel, App: desk.AppKey(creds.AppKey),
			ReceivedAt: at, UserID: "bench", UserName: "Bench", Locale: "zh_CN",
		}
		m.CallID, m.Caller, m.Text = letter(i)
		return m
	}
	const rows = 16
	for i := 0; i < n; {
		batch := &desk.Batch{At: at}
		for range rows {
			row := desk.Row{}
			for ; row.Count < desk.RowLines && i < n; i++ {
				m := message(i)
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
