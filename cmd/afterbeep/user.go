package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) user() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "user",
		Short: "People: those who read, call back and close",
		Long:  "People sign in to the pages where messages are handled. Each has a role: agent, supervisor, administrator or auditor. Whatever is changed here is in the audit log.",
	}, c.userCreate(), c.userList(), c.userRole(), c.userSwitch("disable", true), c.userSwitch("enable", false), c.userReset())
}

// userRow is a person as JSON.
type userRow struct {
	ID           string   `json:"id"`
	Login        string   `json:"login"`
	Name         string   `json:"name"`
	Role         string   `json:"role"`
	Channels     []string `json:"channels"`
	Locale       string   `json:"locale"`
	Disabled     bool     `json:"disabled"`
	HasPassword  bool     `json:"has_password"`
	SecondFactor bool     `json:"second_factor"`
	CreatedAt    string   `json:"created_at"`
	SeenAt       string   `json:"seen_at"`
	Link         string   `json:"link,omitempty"`
	LinkUntil    string   `json:"link_until,omitempty"`
}

func userOf(p desk.Person) userRow {
	row := userRow{
		ID: p.ID.String(), Login: p.Login, Name: p.Name, Role: string(p.Role), Channels: []string{}, Locale: p.Locale, Disabled: p.Disabled,
		HasPassword: p.Password != "", SecondFactor: p.TOTP != nil, CreatedAt: stamp(p.CreatedAt), SeenAt: stamp(p.SeenAt),
	}
	for _, ch := range p.Channels {
		row.Channels = append(row.Channels, ch.String())
	}
	return row
}

// channelsOf names the channels that a person is limited to.
func channelsOf(p desk.Person, name func(desk.ChannelID) string) string {
	names := make([]string, len(p.Channels))
	for i, ch := range p.Channels {
		names[i] = name(ch)
	}
	return strings.Join(names, ", ")
}

// linkLife is how long a one-time link serves.
const linkLife = 24 * time.Hour

// invited prints a person and, if there is one, the link behind which she chooses
// a password.
func (c *cli) invited(cmd *cobra.Command, p desk.Person, token string) error {
	row := userOf(p)
	if token != "" {
		s, err := c.settings(cmd)
		if err != nil {
			return err
		}
		row.Link, row.LinkUntil = app.Address(s, s.Listen)+"/invite/"+token, stamp(c.now().Add(linkLife))
	}
	if c.json {
		return printJSON(c.out, row)
	}
	c.say("login  %s\nname   %s\nrole   %s", term.Line(p.Login), term.Line(p.Name), p.Role)
	if token != "" {
		c.say("link   %s", row.Link)
		c.note("Whoever opens the link first chooses the password. It serves once, for 24 hours; staff.url says by which name people reach the server.")
	}
	return nil
}

func (c *cli) userCreate() *cobra.Command {
	var p desk.Person
	var role string
	var channels []string
	var stdin bool
	cmd := &cobra.Command{
		Use:   "create --login LOGIN --name NAME",
		Short: "Let somebody in, with a one-time link or a password",
		Example: `  afterbeep user create --login ann@example.com --name "Ann Miller"
  afterbeep user create --login wang --name 王芳 --role supervisor --locale zh_CN --channel Website
  pass show desk/ann | afterbeep user create --login ann --name Ann --password-stdin`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) (err error) {
			if p.Login == "" || p.Name == "" {
				return wrong("--login and --name say who it is")
			}
			if p.Role, err = desk.ParseRole(role); err != nil {
				return err
			}
			typed, err := c.typed(stdin)
			if err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				if p.Channels, err = channelsNamed(ctx, a, t, channels); err != nil {
					return err
				}
				by := app.Operator(t.ID)
				made, token, err := a.People().Create(ctx, &by, p, typed)
				if err != nil {
					return err
				}
				return c.invited(cmd, made, token)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&p.Login, "login", "", "`LOGIN`: an e-mail address or a short name, unique in the tenant")
	f.StringVar(&p.Name, "name", "", "`NAME` that colleagues see")
	f.StringVar(&role, "role", "agent", "agent, supervisor, administrator or auditor")
	f.StringVar(&p.Locale, "locale", "en", "the language of the pages: en or zh_CN")
	f.StringArrayVar(&channels, "channel", nil, "limit to this `CHANNEL` by name or Configuration ID; may be repeated; all without it")
	f.BoolVar(&stdin, "password-stdin", false, "read the password from standard input instead of making a link")
	return c.jsonFlag(cmd)
}

// typed reads a password, one line, from standard input; never from a flag, which
// everybody on the machine can read.
func (c *cli) typed(stdin bool) (string, error) {
	if !stdin {
		return "", nil
	}
	line, err := bufio.NewReader(io.LimitReader(c.in, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", wrong("standard input holds no password")
	}
	return line, nil
}

// channelsNamed finds channels by name or Configuration ID.
func channelsNamed(ctx context.Context, a *app.App, t desk.Tenant, names []string) (ids []desk.ChannelID, err error) {
	all, err := a.Store.Channels(ctx, t.ID)
	for _, name := range names {
		found := false
		for _, ch := range all {
			if ch.Name == name || ch.ID.String() == name {
				ids, found = append(ids, ch.ID), true
				break
			}
		}
		if err == nil && !found {
			return nil, desk.Errorf(desk.Missing, "channel", "there is no channel %q; \"afterbeep channel list\" shows them", name)
		}
	}
	return ids, err
}

func (c *cli) userList() *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the people",
		Example: "  afterbeep user list\n  afterbeep user list --json",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				all, err := a.Store.People(ctx, t.ID)
				if err != nil {
					return err
				}
				name, err := channelNames(ctx, a, t)
				if err != nil {
					return err
				}
				return list(c, all, []column[desk.Person]{
					{"LOGIN", 40, func(p desk.Person) string { return p.Login }},
					{"NAME", 30, func(p desk.Person) string { return p.Name }},
					{"ROLE", 0, func(p desk.Person) string { return string(p.Role) }},
					{"CHANNELS", 60, func(p desk.Person) string { return channelsOf(p, name) }},
					{"2ND FACTOR", 0, func(p desk.Person) string { return yes(p.TOTP != nil) }},
					{"DISABLED", 0, func(p desk.Person) string { return yes(p.Disabled) }},
					{"LAST SIGN-IN", 0, func(p desk.Person) string { return local(p.SeenAt) }},
				}, func(p desk.Person) any { return userOf(p) })
			})
		}),
	})
}

func (c *cli) userRole() *cobra.Command {
	var channels []string
	cmd := &cobra.Command{
		Use:   "role LOGIN ROLE",
		Short: "Give somebody another role; her sessions end",
		Long:  "Give somebody another role. --channel replaces the channels that she is limited to; --channel \"\" lifts the limit. Her sessions end, so that nothing of the old role is left.",
		Example: `  afterbeep user role ann@example.com supervisor
  afterbeep user role ann@example.com agent --channel Website`,
		Args: takes("the person's login", "the role"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			role, err := desk.ParseRole(args[1])
			if err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				var only []string
				for _, name := range channels {
					if name != "" {
						only = append(only, name)
					}
				}
				ids, err := channelsNamed(ctx, a, t, only)
				if err != nil {
					return err
				}
				by := app.Operator(t.ID)
				p, err := a.People().Change(ctx, &by, whom(args[0]), func(p *desk.Person) {
					p.Role = role
					if cmd.Flags().Changed("channel") {
						p.Channels = ids
					}
				})
				if err != nil {
					return err
				}
				return c.invited(cmd, p, "")
			})
		}),
	}
	cmd.Flags().StringArrayVar(&channels, "channel", nil, "limit to this `CHANNEL` by name or Configuration ID; may be repeated")
	return c.jsonFlag(cmd)
}

func whom(login string) desk.Whom { return desk.Whom{Login: strings.ToLower(strings.TrimSpace(login))} }

func (c *cli) userSwitch(verb string, off bool) *cobra.Command {
	short := "Let somebody in again, with the password that she had"
	if off {
		short = "Shut somebody out: her sessions end at once, her threads go back"
	}
	return c.jsonFlag(&cobra.Command{
		Use:     verb + " LOGIN",
		Short:   short,
		Example: "  afterbeep user " + verb + " ann@example.com",
		Args:    takes("the person's login"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				by := app.Operator(t.ID)
				change := a.People().Enable
				if off {
					change = a.People().Disable
				}
				p, err := change(ctx, &by, whom(args[0]))
				if err != nil || c.json {
					return orJSON(c, err, userOf(p))
				}
				c.say("%s is %sd", term.Line(p.Login), verb)
				return nil
			})
		}),
	})
}

// orJSON is the error, or else the object on a line.
func orJSON(c *cli, err error, object any) error {
	if err != nil {
		return err
	}
	return printJSON(c.out, object)
}

func (c *cli) userReset() *cobra.Command {
	var factor, stdin bool
	cmd := &cobra.Command{
		Use:   "reset LOGIN",
		Short: "Give somebody a one-time link to a new password; her sessions end",
		Long:  "Give somebody a one-time link to a new password. The old one is void and her sessions end. Her second factor stays, unless --totp removes it: use that when the telephone is lost and the recovery codes with it.",
		Example: `  afterbeep user reset ann@example.com
  afterbeep user reset ann@example.com --totp`,
		Args: takes("the person's login"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			typed, err := c.typed(stdin)
			if err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				by, people := app.Operator(t.ID), a.People()
				p, token, err := people.Reset(ctx, &by, whom(args[0]), factor)
				if err == nil && typed != "" {
					p, err = people.SetPasswordOf(ctx, &by, desk.Whom{ID: p.ID}, typed)
					token = ""
				}
				if err != nil {
					return err
				}
				return c.invited(cmd, p, token)
			})
		}),
	}
	cmd.Flags().BoolVar(&factor, "totp", false, "remove the second factor as well")
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the new password from standard input instead of making a link")
	return c.jsonFlag(cmd)
}
