package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server on one data folder, or on a PostgreSQL that other servers may share,
until SIGTERM or Ctrl-C, which let what is under way come to its end; a second one
ends the process at once.

Every setting is a flag, a variable (in brackets) or a key of the settings file;
flags win over variables, variables over the file. "afterbeep config" shows which
values hold and where they come from. Logs are JSON on standard error.`,
		Example: `  afterbeep serve
  afterbeep serve --listen 0.0.0.0:8080 --data /var/lib/afterbeep
  afterbeep serve --database postgres://afterbeep@db.example.com/afterbeep --no-migrate
  AFTERBEEP_LIMITS_PER_CALL_ID=60 afterbeep serve --config /etc/afterbeep.yaml`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			s, err := c.settings(cmd)
			if err != nil {
				return err
			}
			return c.serveUntil(cmd.Context(), s, func(at app.Addresses) { c.greet(s, at) })
		}),
	}
	addSettings(cmd.Flags(), others()...)
	return cmd
}

// others are the flags of all settings but those that every command has: where
// the data is.
func others() []string {
	var names []string
	for _, e := range config.Describe() {
		if e.Flag != "data" && e.Flag != "database" {
			names = append(names, e.Flag)
		}
	}
	return names
}

// serveUntil runs the server until ctx ends.
func (c *cli) serveUntil(ctx context.Context, s config.Settings, ready func(app.Addresses)) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err // Check has seen it; it is one of the four
	}
	log := slog.New(slog.NewJSONHandler(c.err, &slog.HandlerOptions{Level: level}))
	err := app.Serve(ctx, s, build().Version, log, ready)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &fault{text: err.Error() + "; choose another with --listen or --ops-listen", code: exitError}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // it was asked to end, and did
	}
	return err
}

// greet tells programs, in the log, and people where the server listens, and
// people what to do next. Programs wait for their line, so it is written
// whatever the log level is.
func (c *cli) greet(s config.Settings, at app.Addresses) {
	always := slog.New(slog.NewJSONHandler(c.err, nil))
	always.Info("listening", "http", at.HTTP, "ops", at.Ops, "version", build().Version)
	where, err := filepath.Abs(s.Data)
	if err != nil {
		where = s.Data
	}
	if s.Database != "" {
		where = config.Redact(s.Database)
	}
	c.say("Afterbeep listens on http://%s%s", at.HTTP, s.BasePath)
	c.say("metrics and health   http://%s", at.Ops)
	c.say("data                 %s", term.Line(where))
	if at.SetUp != "" {
		c.say("first account        %s\n                     (once, within 24 hours)", at.SetUp)
	}
	c.say(`
Next:
  afterbeep app create --name "My server"%[1]s      a key and a secret for your server
  afterbeep channel create --name Website%[1]s      a channel; its ID goes into applyToken
  afterbeep messages list%[1]s                      what customers left
Ctrl-C lets everything come to its end.`, term.Line(dataFlag(s)))
}

// dataFlag is what other commands need to find the same store; a URL, which may
// have a password, they find in AFTERBEEP_DATABASE or in the settings file.
func dataFlag(s config.Settings) string {
	if s.Database != "" {
		return ""
	}
	if s.Data == config.Defaults().Data {
		return ""
	}
	return " --data " + quote(s.Data)
}

// freeOr gives the address, or one with a free port when it is taken.
func freeOr(ctx context.Context, address string) (string, bool) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(address) // it has been listened on, so it has both parts
		return net.JoinHostPort(host, "0"), false
	}
	if err == nil {
		l.Close()
	}
	return address, true // what else is wrong with it, the server will say
}
