package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/chain"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

// shop is the name of the demo's app and channel.
const shop = "Demo shop"

func (c *cli) demo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try it: a server with some messages, and the curl lines that leave another",
		Long: `Start a server on a folder that is thrown away at the end (or on --data, which is
kept), make an app and a channel, leave eight messages through the same calls that
a client makes, and print the three curl lines that leave another, the address of the
pages where they are answered, and four accounts to sign in with. It serves until Ctrl-C.`,
		Example: `  afterbeep demo
  afterbeep demo --data ./demo-data
  afterbeep demo --listen 127.0.0.1:9090`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error { return c.runDemo(cmd) }),
	}
	addSettings(cmd.Flags(), "listen", "ops-listen", "log-level")
	return cmd
}

func (c *cli) runDemo(cmd *cobra.Command) (err error) {
	s, err := c.settings(cmd)
	if err != nil {
		return err
	}
	if !cmd.Flags().Changed("log-level") {
		s.LogLevel = "warn" // what it has to say is on standard output
	}
	// A database or a folder that only a variable or a file names may be a real one.
	if s.Database != "" && !cmd.Flags().Changed("database") {
		s.Database, s.MigrateDatabase = "", ""
		c.note("The demo leaves the database alone; put --database \"\" behind the commands that it shows.")
	}
	if !cmd.Flags().Changed("data") {
		if s.Data, err = os.MkdirTemp("", "afterbeep-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.Data)) }()
	}
	ctx := cmd.Context()
	for _, address := range []*string{&s.Listen, &s.OpsListen} {
		free, was := freeOr(ctx, *address)
		if !was {
			c.say("%s is taken; a free port will do.", *address)
		}
		*address = free
	}
	f, err := c.found(ctx, s)
	if err != nil {
		return err
	}
	return c.serveDemo(ctx, s, f)
}

// foundation is what the demo needs before a message can be left.
type foundation struct {
	key, secret string
	channel     desk.ChannelID
}

// found makes the app and the channel. On a folder of an earlier demo they are
// there: the app then gets a new secret, because the old one is known to nobody.
func (c *cli) found(ctx context.Context, s config.Settings) (f foundation, err error) {
	a, err := app.Open(ctx, s)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	t, err := a.Store.Tenant(ctx, c.tenantName())
	if err != nil {
		return f, err
	}
	if err := hire(ctx, a, t); err != nil {
		return f, err
	}
	made, secret := app.NewApp(t.ID, shop, c.now())
	err = a.Store.AddApp(ctx, made)
	if desk.KindOf(err) == desk.Conflict {
		made, err = a.Store.ChangeApp(ctx, t.ID, shop, func(d *desk.App) error {
			secret = app.Rotate(d, 0, c.now())
			return nil
		})
	}
	if err != nil {
		return f, err
	}
	f.key, f.secret, f.channel = string(made.Key), secret, app.NewChannelID(c.now())
	err = a.Store.AddChannel(ctx, desk.Channel{
		Tenant: t.ID, ID: f.channel, Name: shop, Locale: "zh_CN", Region: "CN",
		TextLimit: desk.DefaultTextLimit, CreatedAt: c.now().UTC(),
	})
	if desk.KindOf(err) == desk.Conflict {
		f.channel, err = findChannel(ctx, a, t, shop)
	}
	return f, err
}

// serveDemo serves, and shows around as soon as the server listens.
func (c *cli) serveDemo(ctx context.Context, s config.Settings, f foundation) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var tour sync.WaitGroup
	err := c.serveUntil(ctx, s, func(at app.Addresses) {
		tour.Go(func() {
			if err := c.show8(ctx, s, at, f); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	})
	tour.Wait()
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// show8 leaves the messages through the HTTP surface and prints what to try.
func (c *cli) show8(ctx context.Context, s config.Settings, at app.Addresses, f foundation) error {
	base := "http://" + at.HTTP + s.BasePath
	client, err := chain.New(chain.Options{URL: base, AppKey: f.key, AppSecret: f.secret})
	if err != nil {
		return err
	}
	defer client.Close()
	c.say("Afterbeep listens on %s\n", base)
	for _, v := range visitors() {
		r := client.Leave(ctx, chain.Message{
			User:   chain.User{ID: v.id, Name: v.name, ChannelID: f.channel.String(), Locale: v.locale},
			CallID: v.id, Caller: v.caller, Text: v.text,
		})
		if r.Outcome != chain.Acked {
			return fmt.Errorf("the demo's own message was not taken: %s %s", r.Code, r.Text)
		}
		c.say("  %s  %s: %s", r.Reference, term.Cut(term.Line(v.name), 20), term.Cut(term.Line(v.text), 60))
	}
	c.say("\nEight messages are left and stored. Leave another from a second terminal:\n\n%s", curlLines(base, f))
	if err := c.use(ctx, s); err != nil {
		return err
	}
	c.say("\nThen work with it at %s, as ann or wei (agents), sam (supervisor) or ada (administrator), password: %s", base, demoPassword)
	c.say("\nOr read it here:\n\n  afterbeep messages list%s\n", term.Line(dataFlag(s)))
	if s.Data != config.Defaults().Data {
		c.say("Ctrl-C ends it; without --data everything is thrown away.")
	}
	return nil
}
