package main

import (
	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
)

func (c *cli) migrate() *cobra.Command {
	type versions struct {
		From int64 `json:"from"`
		To   int64 `json:"to"`
	}
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema up to date, and do nothing else",
		Long: `Bring the schema up to the version of this program, as the role in migrate_database
where there is one, and give the application's role its rights to the tables.

For a cluster: run it once with the new program, then start the new servers one after
the other with --no-migrate. A migration only adds, so the old ones run on beside them;
what is no longer needed goes with a later version.`,
		Example: `  afterbeep migrate --database postgres://afterbeep@db.example.com/afterbeep --migrate-database postgres://afterbeep_owner@db.example.com/afterbeep
  afterbeep migrate --data /var/lib/afterbeep --json`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			s, err := c.settings(cmd)
			if err != nil {
				return err
			}
			from, to, err := app.Migrate(cmd.Context(), s)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(c.out, versions{from, to})
			}
			if from == to {
				c.say("schema %d is up to date", to)
			} else {
				c.say("the schema went from %d to %d", from, to)
			}
			return nil
		}),
	}
	addSettings(cmd.Flags(), "migrate-database")
	return c.jsonFlag(cmd)
}

func (c *cli) database() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "database",
		Short: "What a PostgreSQL of several machines needs to know",
	}, c.databaseShards())
}

func (c *cli) databaseShards() *cobra.Command {
	type row struct {
		Table  string `json:"table"`
		Column string `json:"column"` // "" when its rows are not spread
		SQL    string `json:"sql"`    // "" when it stays on the coordinator
		Why    string `json:"why"`
	}
	return c.jsonFlag(&cobra.Command{
		Use:   "shards",
		Short: "Print the calls that distribute the tables in Citus",
		Long: `Print the SQL that distributes every table of a PostgreSQL with Citus. Run it once, on
the coordinator, as the role that owns the tables, after "afterbeep migrate" and before
the first server. Nothing is connected to.`,
		Example: `  afterbeep database shards
  afterbeep database shards --json`,
		Args: takes(),
		RunE: c.run(func(*cobra.Command, []string) error {
			for _, s := range app.Shards() {
				if c.json {
					if err := printJSON(c.out, row{s.Table, s.Column, s.SQL(), s.Why}); err != nil {
						return err
					}
					continue
				}
				line := s.SQL()
				if line == "" {
					line = "-- " + s.Table + " stays on the coordinator"
				}
				c.say("-- %s: %s\n%s", s.Table, s.Why, line)
			}
			return nil
		}),
	})
}
