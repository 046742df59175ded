package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) tenants() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "tenant",
		Short: "Tenants: customers of this installation who never see each other",
		Long:  "Everything belongs to one tenant, and no tenant sees another's. A new data folder has one, \"default\", which every command takes when --tenant names none.",
	}, c.tenantCreate(), c.tenantList())
}

type tenantRow struct {
	Name      string `json:"name"`
	ID        int64  `json:"tenant_id"`
	CreatedAt string `json:"created_at"`
}

func (c *cli) tenantCreate() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "create --name NAME",
		Short:   "Make a tenant",
		Example: "  afterbeep tenant create --name \"Blue Ltd\"\n  afterbeep app create --tenant \"Blue Ltd\" --name Website",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return wrong("--name is missing")
			}
			return c.openAll(cmd, func(ctx context.Context, a *app.App) error {
				t, err := a.Store.AddTenant(ctx, name)
				switch {
				case err != nil:
					return err
				case c.json:
					return printJSON(c.out, tenantRow{t.Name, int64(t.ID), stamp(t.CreatedAt)})
				}
				c.say("tenant %s is there; name it with --tenant %s", term.Line(t.Name), term.Line(quote(t.Name)))
				return nil
			})
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the tenant")
	return c.jsonFlag(cmd)
}

func (c *cli) tenantList() *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the tenants",
		Example: "  afterbeep tenant list\n  afterbeep tenant list --json",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			return c.openAll(cmd, func(ctx context.Context, a *app.App) error {
				all, err := a.Store.Tenants(ctx)
				if err != nil {
					return err
				}
				return list(c, all, []column[desk.Tenant]{
					{"NAME", 64, func(t desk.Tenant) string { return t.Name }},
					{"CREATED", 0, func(t desk.Tenant) string { return local(t.CreatedAt) }},
				}, func(t desk.Tenant) any { return tenantRow{t.Name, int64(t.ID), stamp(t.CreatedAt)} })
			})
		}),
	})
}
