package main

import (
	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/config"
)

func (c *cli) config() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show every setting, its value and where the value comes from",
		Long:  "Show every setting with the value that a server would take now, where it comes from (a flag, a variable, a line of the file, or the default), its range and its meaning. Unsafe values are told, with exit code 2.",
		Example: `  afterbeep config
  afterbeep config --config /etc/afterbeep.yaml --json`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			s, all, err := c.trace(cmd)
			if err != nil {
				return err
			}
			err = list(c, all, []column[config.Effective]{
				{"KEY", 0, func(e config.Effective) string { return e.Key }},
				{"VALUE", 40, func(e config.Effective) string { return e.Value }},
				{"FROM", 50, func(e config.Effective) string { return e.Source }},
				{"RANGE", 0, func(e config.Effective) string { return e.Range() }},
				{"MEANING", 0, func(e config.Effective) string { return e.Meaning + " (" + e.Unit + ")" }},
			}, func(e config.Effective) any { return e })
			if err != nil {
				return err
			}
			return s.Check()
		}),
	}
	addSettings(cmd.Flags(), others()...)
	return c.jsonFlag(cmd)
}
