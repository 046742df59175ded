package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) key() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "key",
		Short: "API keys: programs that use /v1",
		Long:  "A program uses /v1 with an API key, whose scopes say what it may do. /v1/docs on a running server lists the operations. Making and disabling keys is in the audit log.",
	}, c.keyCreate(), c.keyList(), c.keySwitch("disable", true), c.keySwitch("enable", false))
}

// keyRow is an API key as JSON.
type keyRow struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	Disabled  bool     `json:"disabled"`
	CreatedAt string   `json:"created_at"`
	UsedAt    string   `json:"used_at"`
	Secret    string   `json:"secret,omitempty"`
}

func keyOf(k desk.APIKey) keyRow {
	return keyRow{
		ID: strconv.FormatInt(k.ID, 10), Name: k.Name, Scopes: append([]string{}, k.Scopes...), Disabled: k.Disabled,
		CreatedAt: stamp(k.CreatedAt), UsedAt: stamp(k.UsedAt),
	}
}

func (c *cli) keyCreate() *cobra.Command {
	var name string
	var names []string
	var scopes []desk.Permission
	cmd := &cobra.Command{
		Use:   "create --name NAME --scope SCOPE",
		Short: "Make an API key and show its secret, once",
		Example: `  afterbeep key create --name CRM --scope threads.see --scope threads.handle
  afterbeep key create --name Intake --scope messages.write --json`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			if name == "" || len(names) == 0 {
				return wrong("--name says which program it is for, --scope what it may do")
			}
			for _, s := range names {
				p, err := desk.ParsePermission(s)
				if err != nil {
					return err
				}
				scopes = append(scopes, p)
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				by := app.Operator(t.ID)
				made, secret, err := a.Keys().Create(ctx, &by, name, scopes)
				if err != nil {
					return err
				}
				if row := keyOf(made); c.json {
					row.Secret = secret
					return printJSON(c.out, row)
				}
				c.say("name    %s\nscopes  %s\nsecret  %s", term.Line(made.Name), strings.Join(made.Scopes, " "), secret)
				c.note("The secret is shown this once. Send it as: Authorization: Bearer %s…", secret[:8])
				return nil
			})
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the program, unique in the tenant")
	cmd.Flags().StringArrayVar(&names, "scope", nil, "one `SCOPE`; may be repeated: threads.see, threads.handle, threads.assign, numbers.see, export, people.manage, channels.manage, apps.manage, messages.write")
	return c.jsonFlag(cmd)
}

func (c *cli) keyList() *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the API keys",
		Example: "  afterbeep key list\n  afterbeep key list --json",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				by := app.Operator(t.ID)
				all, err := a.Keys().List(ctx, &by)
				if err != nil {
					return err
				}
				return list(c, all, []column[desk.APIKey]{
					{"ID", 0, func(k desk.APIKey) string { return strconv.FormatInt(k.ID, 10) }},
					{"NAME", 40, func(k desk.APIKey) string { return k.Name }},
					{"SCOPES", 60, func(k desk.APIKey) string { return strings.Join(k.Scopes, " ") }},
					{"DISABLED", 0, func(k desk.APIKey) string { return yes(k.Disabled) }},
					{"LAST USED", 0, func(k desk.APIKey) string { return local(k.UsedAt) }},
				}, func(k desk.APIKey) any { return keyOf(k) })
			})
		}),
	})
}

func (c *cli) keySwitch(verb string, off bool) *cobra.Command {
	short := "Let a program in again"
	if off {
		short = "Shut a program out, within a second"
	}
	return c.jsonFlag(&cobra.Command{
		Use:     verb + " KEY",
		Short:   short,
		Example: "  afterbeep key " + verb + " CRM",
		Args:    takes("the key's name or number"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				by, keys := app.Operator(t.ID), a.Keys()
				id, err := keyNamed(ctx, keys, &by, args[0])
				if err != nil {
					return err
				}
				k, err := keys.Disable(ctx, &by, id, off)
				if err != nil || c.json {
					return orJSON(c, err, keyOf(k))
				}
				c.say("%s is %sd", term.Line(k.Name), verb)
				return nil
			})
		}),
	})
}

// keyNamed finds a key by its name or, when none is called so, its number.
func keyNamed(ctx context.Context, keys interface {
	List(context.Context, *desk.Actor) ([]desk.APIKey, error)
}, by *desk.Actor, name string,
) (int64, error) {
	all, err := keys.List(ctx, by)
	if err != nil {
		return 0, err
	}
	for _, k := range all {
		if k.Name == name {
			return k.ID, nil
		}
	}
	for _, k := range all {
		if strconv.FormatInt(k.ID, 10) == name {
			return k.ID, nil
		}
	}
	return 0, desk.Errorf(desk.Missing, "api_key", "there is no API key %q; \"afterbeep key list\" shows them", name)
}
