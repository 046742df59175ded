package main

import (
	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) backup() *cobra.Command {
	var portable bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Back up everything into one file, while servers run",
		Long: `Write a consistent copy of everything into FILE, which must not be there yet, and
check it by reading every row of it. Running servers go on taking messages.

A data folder is copied as a database file. A PostgreSQL is written as a portable
archive, which every engine can be restored from; --portable writes one of a data
folder, too. For a large PostgreSQL, or to go back to any minute, pg_basebackup with
archived WAL is the better tool: see docs/operations.md.`,
		Example: `  afterbeep backup /backups/afterbeep-$(date +%F).db
  afterbeep backup --data /var/lib/afterbeep --portable /backups/afterbeep.jsonl.gz`,
		Args: takes("the file to write"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			s, err := c.settings(cmd)
			if err != nil {
				return err
			}
			if portable || s.Database != "" {
				bar := c.tally("backing up")
				err = app.Export(cmd.Context(), s, args[0], c.now(), bar.set)
				bar.finish()
			} else {
				bar := c.bar("backing up", -1)
				err = app.Backup(cmd.Context(), s, args[0], bar.set)
				bar.finish()
			}
			if err == nil {
				c.say("%s is complete and was read back", term.Line(args[0]))
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&portable, "portable", false, "write an archive that every engine can be restored from")
	return cmd
}

func (c *cli) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Restore a backup into an empty data folder or PostgreSQL",
		Long: `Check a backup and put it into the data folder, or into the PostgreSQL that --database
names, which must be empty or not there. Which form the backup has, it says itself: an
archive goes into either, a database file into a folder. What was acknowledged after the
backup is not in it. A restore of an archive that was interrupted is run again.`,
		Example: `  afterbeep restore --data ./afterbeep-restored /backups/afterbeep.db
  afterbeep restore --database postgres://afterbeep@db.example.com/afterbeep /backups/afterbeep.jsonl.gz`,
		Args: takes("the backup's file"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			s, err := c.settings(cmd)
			if err != nil {
				return err
			}
			bar := c.tally("restoring")
			err = app.Restore(cmd.Context(), s, args[0], bar.set)
			bar.finish()
			if err != nil {
				return err
			}
			c.say("%s is restored; start it with: afterbeep serve%s", term.Line(args[0]), term.Line(dataFlag(s)))
			return nil
		}),
	}
	addSettings(cmd.Flags(), "migrate-database")
	return cmd
}

func (c *cli) doctor() *cobra.Command {
	type row struct {
		Name   string `json:"name"`
		OK     bool   `json:"ok"`
		Detail string `json:"detail"`
		Remedy string `json:"remedy"`
	}
	cmd := c.jsonFlag(&cobra.Command{
		Use:   "doctor",
		Short: "Check settings, database or disk, clocks and every stored row",
		Long: `Check settings, disk, permissions, clock, integrity and the hash of every row; on
PostgreSQL also its version, what its commits are worth, standbys, both roles,
row-level security, encryption, connections and the nodes. Say what is wrong and how
to put it right. Exit code 1 when something is wrong.`,
		Example: "  afterbeep doctor\n  afterbeep doctor --json",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			s, _, err := c.trace(cmd) // unsafe settings are a finding here, no reason to stop
			if err != nil {
				return err
			}
			findings := app.Doctor(cmd.Context(), s)
			wrongs := 0
			for _, f := range findings {
				if !f.OK {
					wrongs++
				}
			}
			err = list(c, findings, []column[app.Finding]{
				{"CHECK", 0, func(f app.Finding) string { return f.Name }},
				{"OK", 0, func(f app.Finding) string { return yes(f.OK) }},
				{"WHAT WAS FOUND", 0, func(f app.Finding) string { return f.Detail }},
				{"WHAT TO DO", 0, func(f app.Finding) string { return f.Remedy }},
			}, func(f app.Finding) any { return row{f.Name, f.OK, f.Detail, f.Remedy} })
			if err == nil && wrongs > 0 {
				return silent(exitError)
			}
			return err
		}),
	})
	addSettings(cmd.Flags(), "migrate-database", "postgres-standbys")
	return cmd
}
