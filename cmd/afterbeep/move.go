package main

import (
	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/term"
)

// movedSection is a table of a tenant, as scripts see it.
type movedSection struct {
	Tenant int64  `json:"tenant"` // 0: nobody's
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	Hash   string `json:"hash"`
	Twice  bool   `json:"written_again"`
}

// movedAll is the whole move.
type movedAll struct {
	From     string         `json:"from"`
	To       string         `json:"to"`
	Rows     int64          `json:"rows"`
	Resumed  bool           `json:"resumed"`
	Damaged  []string       `json:"damaged"`
	Sections []movedSection `json:"sections"`
}

func (c *cli) move() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "move --from PLACE --to PLACE",
		Short: "Carry a whole store to another engine, or another place",
		Long: `Carry a whole store from one place to another, which are sqlite:FOLDER or
postgres://…, and compare every row of both at the end.

No server may run on either side. The source is only read. The target must be empty:
a new folder, or a PostgreSQL without content, whose schema is made as the role in
migrate_database (--migrate-database), which speaks about the target. Interrupted,
even by a kill, the same command goes on where it was; until it has ended well, no
server starts on the target.

Everything moves: messages, also those that are not sorted yet, threads, the event log,
apps with their secrets, channels, Idempotency-Keys and the keys that seal tokens. So
integrators change nothing: secrets, tokens and keys serve on. What is derived, such
as the search index, is made anew.

Afterwards: start the servers on the target (database or data in their settings), look
at it with "afterbeep doctor", and keep the source until you have a backup of the target.
Never start a server on the source again: what it takes down would be in one store only.`,
		Example: `  afterbeep move --from sqlite:/var/lib/afterbeep --to postgres://afterbeep@db.example.com/afterbeep --migrate-database postgres://afterbeep_owner@db.example.com/afterbeep
  afterbeep move --from postgres://afterbeep@db.example.com/afterbeep --to sqlite:/var/lib/afterbeep --json`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return wrong("--from and --to are missing; each is sqlite:FOLDER or postgres://…")
			}
			s, _, err := c.trace(cmd) // each place is checked with the settings
			if err != nil {
				return err
			}
			bar := c.tally("moving and comparing")
			m, err := app.Move(cmd.Context(), s, from, to, bar.set)
			bar.finish()
			if err != nil {
				return err
			}
			return c.tellMoved(m)
		}),
	}
	cmd.Flags().StringVar(&from, "from", "", "the `PLACE` to read: sqlite:FOLDER or postgres://…")
	cmd.Flags().StringVar(&to, "to", "", "the empty `PLACE` to fill")
	addSettings(cmd.Flags(), "migrate-database", "postgres-pgbouncer")
	return c.jsonFlag(cmd)
}

func (c *cli) tellMoved(m app.Moved) error {
	if c.json {
		all := movedAll{From: m.From, To: m.To, Rows: m.Rows(), Resumed: m.Again, Damaged: append([]string{}, m.Damaged...)}
		for _, s := range m.Sections {
			all.Sections = append(all.Sections, movedSection{int64(s.Tenant), s.Table, s.Rows, s.Hash, s.Twice})
		}
		return printJSON(c.out, all)
	}
	c.say("%d rows in %d tables of tenants are the same in %s and %s", m.Rows(), len(m.Sections), term.Line(m.From), term.Line(m.To))
	for _, name := range m.Damaged {
		c.say("damaged before, and so still: %s", term.Line(name))
	}
	c.say("Start the servers on %s, and none on %s any more.", term.Line(m.To), term.Line(m.From))
	return nil
}
