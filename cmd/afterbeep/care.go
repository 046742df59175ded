package main

import (
	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) backup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Back up the data folder into one file, while the server runs",
		Long:  "Write a consistent copy of everything into FILE, which must not be there yet, and check it by opening it and reading every row. A running server goes on taking messages.",
		Example: `  afterbeep backup /backups/afterbeep-$(date +%F).db
  afterbeep backup --data /var/lib/afterbeep /backups/afterbeep.db`,
		Args: takes("the file to write"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			s, err := c.settings(cmd)
			if err != nil {
				return err
			}
			bar := c.bar("backing up", -1)
			err = app.Backup(cmd.Context(), s, args[0], bar.set)
			bar.finish()
			if err == nil {
				c.say("%s is complete and was read back", term.Line(args[0]))
			}
			return err
		}),
	}
}

func (c *cli) restore() *cobra.Command {
	return &cobra.Command{
		Use:     "restore FILE",
		Short:   "Restore a backup into an empty data folder",
		Long:    "Check a backup and put it into the data folder, which must be empty or not there. What was acknowledged after the backup is not in it.",
		Example: "  afterbeep restore --data ./afterbeep-restored /backups/afterbeep.db",
		Args:    takes("the backup's file"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			s, err := c.settings(cmd)
			if err != nil {
				return err
			}
			if err := app.Restore(cmd.Context(), s, args[0]); err != nil {
				return err
			}
			c.say("%s is restored; start it with: afterbeep serve%s", term.Line(args[0]), term.Line(dataFlag(s)))
			return nil
		}),
	}
}

func (c *cli) doctor() *cobra.Command {
	type row struct {
		Name   string `json:"name"`
		OK     bool   `json:"ok"`
		Detail string `json:"detail"`
		Remedy string `json:"remedy"`
	}
	return c.jsonFlag(&cobra.Command{
		Use:     "doctor",
		Short:   "Check settings, disk, permissions, clock and every stored row",
		Long:    "Check settings, disk, permissions, clock, integrity and the hash of every row, and say what is wrong and how to put it right. Exit code 1 when something is wrong.",
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
}
