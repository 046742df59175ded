package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// cli is one run of the command line and what it touches of the world.
type cli struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	now      func() time.Time

	file   string // --config
	tenant string // --tenant
	json   bool   // --json of the command that runs

	began bool // a command runs: from here on errors are not of usage
}

// main runs the command and gives the exit code.
func (c *cli) main(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	cmd, err := root.ExecuteContextC(ctx)
	return c.report(cmd, err)
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "afterbeep",
		Short: "Takes the messages that customers leave when nobody answers",
		Long: `Afterbeep takes the messages that customers leave when nobody answers.

A client written for Huawei Cloud AICC leaves them here (tokenByAkSk, applyToken,
doLeaveMessage); nothing that was acknowledged is lost; staff read them
with a browser, call back and close. Everything is stored in one data folder, or in a PostgreSQL (--database).`,
		Example: `  afterbeep demo                 try it: a server, some messages, three curl lines
  afterbeep serve                run the server on ./afterbeep-data
  afterbeep messages list        read what was left`,
		Args:          cobra.ArbitraryArgs, // none is right, but astray words that better
		RunE:          astray,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&c.file, "config", "", "settings `FILE` in YAML [AFTERBEEP_CONFIG]")
	flags.StringVar(&c.tenant, "tenant", "", "tenant by `NAME` [AFTERBEEP_TENANT] (default \"default\")")
	addSettings(flags, "data", "database")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return wrong("%s", err.Error()) })
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run it:"},
		&cobra.Group{ID: "desk", Title: "Read and handle:"},
		&cobra.Group{ID: "admin", Title: "Set it up:"},
		&cobra.Group{ID: "care", Title: "Look after it:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		"run":   {c.serve(), c.demo()},
		"desk":  {c.messages(), c.threads(), c.leave()},
		"admin": {c.app(), c.channel(), c.user(), c.key(), c.tenants(), c.config()},
		"care":  {c.backup(), c.restore(), c.move(), c.migrate(), c.database(), c.doctor(), c.audit(), c.version()},
	} {
		for _, cmd := range commands {
			cmd.GroupID = group
		}
		root.AddCommand(commands...)
	}
	return root
}

// family is a command that only has others below it.
func (c *cli) family(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(below...)
	var examples []string
	for _, b := range below {
		first, _, _ := strings.Cut(b.Example, "\n")
		examples = append(examples, first)
	}
	cmd.Example = strings.Join(examples, "\n")
	cmd.RunE = astray
	return cmd
}

// astray answers a command that only has others below it: with its help, or, when
// a word follows that is none of them, with what may have been meant.
func astray(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	text := fmt.Sprintf("there is no command %q", cmd.CommandPath()+" "+args[0])
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		text += fmt.Sprintf("; did you mean %q?", cmd.CommandPath()+" "+like[0])
	}
	return wrong("%s", text)
}

// run is the body of a command.
func (c *cli) run(body func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c.began = true
		return body(cmd, args)
	}
}

// takes checks the number of arguments; names say what they are.
func takes(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return wrong("%s is missing", names[len(args)])
		case len(args) > len(names):
			return wrong("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// jsonFlag gives a command --json.
func (c *cli) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON, one object a line")
	return cmd
}

// trace puts the settings together: flags over the environment, over the file,
// over the defaults.
func (c *cli) trace(cmd *cobra.Command) (config.Settings, []config.Effective, error) {
	given := map[string]string{}
	for _, e := range config.Describe() {
		if f := cmd.Flags().Lookup(e.Flag); f != nil && f.Changed {
			given[e.Flag] = f.Value.String()
		}
	}
	return config.Trace(c.file, c.environ, given)
}

// settings are those of trace, checked.
func (c *cli) settings(cmd *cobra.Command) (config.Settings, error) {
	s, _, err := c.trace(cmd)
	if err == nil {
		err = s.Check()
	}
	return s, err
}

// open runs body on the open data folder, for the tenant that was named.
func (c *cli) open(cmd *cobra.Command, body func(ctx context.Context, a *app.App, t desk.Tenant) error) error {
	return c.openAll(cmd, func(ctx context.Context, a *app.App) error {
		t, err := a.Store.Tenant(ctx, c.tenantName())
		if err != nil {
			return err
		}
		return body(ctx, a, t)
	})
}

// openAll is open for what concerns all tenants.
func (c *cli) openAll(cmd *cobra.Command, body func(context.Context, *app.App) error) (err error) {
	s, err := c.settings(cmd)
	if err != nil {
		return err
	}
	a, err := app.Open(cmd.Context(), s)
	if err != nil {
		return err
	}
	defer func() {
		if closed := a.Close(); err == nil {
			err = closed
		}
	}()
	return body(cmd.Context(), a)
}

func (c *cli) tenantName() string {
	if c.tenant != "" {
		return c.tenant
	}
	return c.variable("TENANT", "default")
}

// variable is the value of AFTERBEEP_name, or fallback.
func (c *cli) variable(name, fallback string) string {
	prefix := config.Prefix + name + "="
	i := slices.IndexFunc(c.environ, func(pair string) bool { return strings.HasPrefix(pair, prefix) })
	if i < 0 || c.environ[i] == prefix {
		return fallback
	}
	return strings.TrimPrefix(c.environ[i], prefix)
}
