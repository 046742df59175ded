package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

// grace is how long an old secret serves after a rotation, unless said otherwise.
const grace = 24 * time.Hour

func (c *cli) app() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "app",
		Short: "Apps: the integrators' servers and their secrets",
		Long:  "An app is an integrator's server. It has a key and a secret, as AICC's app key and app secret, and asks with them for tokens.",
	}, c.appCreate(), c.appList(), c.appSet(), c.appRotate(), c.appSwitch("disable", true), c.appSwitch("enable", false))
}

// appSecret is what is told once, when a secret has been made.
type appSecret struct {
	Key      string `json:"app_key"`
	Secret   string `json:"app_secret"`
	Name     string `json:"name"`
	Tenant   string `json:"tenant"`
	OldUntil string `json:"old_secret_until,omitempty"`
}

func (c *cli) tellSecret(s appSecret) error {
	if c.json {
		return printJSON(c.out, s)
	}
	c.say("app key     %s", s.Key)
	c.say("app secret  %s", s.Secret)
	if s.OldUntil != "" {
		c.say("the old secret serves until %s", s.OldUntil)
	}
	c.note("The secret is shown this once. Keep it where the integrator's server finds it, and nowhere else.")
	return nil
}

func (c *cli) appCreate() *cobra.Command {
	var name string
	var perMinute int
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make an app and show its secret, once",
		Example: `  afterbeep app create --name "Web shop"
  afterbeep app create --name "Web shop" --per-minute 6000 --json`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			if err := checkPerMinute(name, perMinute); err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				made, secret := app.NewApp(t.ID, name, c.now())
				made.PerMinute = perMinute
				if err := a.Store.AddApp(ctx, made); err != nil {
					return err
				}
				return c.tellSecret(appSecret{Key: string(made.Key), Secret: secret, Name: name, Tenant: t.Name})
			})
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the app, unique in its tenant")
	cmd.Flags().IntVar(&perMinute, "per-minute", 0, "the most messages a minute; 0 leaves it to limits.per_app")
	return c.jsonFlag(cmd)
}

func checkPerMinute(name string, n int) error {
	switch {
	case name == "":
		return wrong("--name is missing")
	case n < 0:
		return wrong("--per-minute is %d; it is a number of messages, or 0 for no limit of its own", n)
	}
	return nil
}

func (c *cli) appList() *cobra.Command {
	type row struct {
		Key       string `json:"app_key"`
		Name      string `json:"name"`
		Tenant    string `json:"tenant"`
		Disabled  bool   `json:"disabled"`
		PerMinute int    `json:"per_minute"`
		OldUntil  string `json:"old_secret_until"`
		CreatedAt string `json:"created_at"`
	}
	return c.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the apps",
		Example: "  afterbeep app list\n  afterbeep app list --json",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				apps, err := a.Store.Apps(ctx, t.ID)
				if err != nil {
					return err
				}
				return list(c, apps, []column[desk.App]{
					{"NAME", 40, func(a desk.App) string { return a.Name }},
					{"APP KEY", 0, func(a desk.App) string { return string(a.Key) }},
					{"A MINUTE", 0, func(a desk.App) string { return strconv.Itoa(a.PerMinute) }},
					{"DISABLED", 0, func(a desk.App) string { return yes(a.Disabled) }},
					{"CREATED", 0, func(a desk.App) string { return local(a.CreatedAt) }},
				}, func(a desk.App) any {
					return row{string(a.Key), a.Name, t.Name, a.Disabled, a.PerMinute, stamp(a.OldUntil), stamp(a.CreatedAt)}
				})
			})
		}),
	})
}

func (c *cli) appSet() *cobra.Command {
	var name string
	var perMinute int
	cmd := &cobra.Command{
		Use:     "set APP",
		Short:   "Change an app's name or limit",
		Example: "  afterbeep app set \"Web shop\" --per-minute 6000\n  afterbeep app set \"Web shop\" --name \"Web shop EU\"",
		Args:    takes("the app's name or key"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if !flags.Changed("name") && !flags.Changed("per-minute") {
				return wrong("nothing to change; give --name or --per-minute")
			}
			if perMinute < 0 {
				return checkPerMinute(args[0], perMinute)
			}
			return c.changeApp(cmd, args[0], "changed", func(a *desk.App) {
				if flags.Changed("name") {
					a.Name = name
				}
				if flags.Changed("per-minute") {
					a.PerMinute = perMinute
				}
			})
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "the new `NAME`")
	cmd.Flags().IntVar(&perMinute, "per-minute", 0, "the most messages a minute; 0 leaves it to limits.per_app")
	return cmd
}

func (c *cli) appRotate() *cobra.Command {
	var keep time.Duration
	var revoke bool
	cmd := &cobra.Command{
		Use:   "rotate APP",
		Short: "Give an app a new secret",
		Long: `Give an app a new secret and show it, once. The old one serves for the grace
period, so that the integrator's servers can change over one by one. When the
old secret has leaked, take --grace 0: it dies within a second, with all tokens
of the app, its customers' included.`,
		Example: `  afterbeep app rotate "Web shop"
  afterbeep app rotate "Web shop" --grace 0
  afterbeep app rotate "Web shop" --grace 1h --revoke-tokens --json`,
		Args: takes("the app's name or key"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if keep < 0 || keep > 90*24*time.Hour {
				return wrong("--grace is %s; take from 0 to 2160h (90 days)", keep)
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				var secret string
				changed, err := a.Store.ChangeApp(ctx, t.ID, args[0], func(d *desk.App) error {
					secret = app.Rotate(d, keep, c.now())
					if revoke && keep > 0 { // without grace they are revoked already
						d.Epoch++
					}
					return nil
				})
				if err != nil {
					return err
				}
				return c.tellSecret(appSecret{
					Key: string(changed.Key), Secret: secret, Name: changed.Name, Tenant: t.Name, OldUntil: stamp(changed.OldUntil),
				})
			})
		}),
	}
	cmd.Flags().DurationVar(&keep, "grace", grace, "how long the old secret still serves")
	cmd.Flags().BoolVar(&revoke, "revoke-tokens", false, "revoke the app's tokens too, its customers' included")
	return c.jsonFlag(cmd)
}

func (c *cli) appSwitch(verb string, off bool) *cobra.Command {
	short := "Let an app in again"
	if off {
		short = "Shut an app out, with all its tokens, within a second"
	}
	return &cobra.Command{
		Use:     verb + " APP",
		Short:   short,
		Example: "  afterbeep app " + verb + " \"Web shop\"",
		Args:    takes("the app's name or key"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.changeApp(cmd, args[0], verb+"d", func(a *desk.App) { a.Disabled = off })
		}),
	}
}

func (c *cli) changeApp(cmd *cobra.Command, name, done string, change func(*desk.App)) error {
	return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
		changed, err := a.Store.ChangeApp(ctx, t.ID, name, func(d *desk.App) error {
			change(d)
			return nil
		})
		if err == nil {
			c.say("%s is %s", term.Line(changed.Name), done)
		}
		return err
	})
}
