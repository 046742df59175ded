package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sheet"
)

// printer writes messages in one format, page by page.
type printer interface {
	rows(all []desk.Listed) error
	end() error
}

const formats = "table, json, csv or jsonl"

// formatFlags gives a command --format and --json.
func (c *cli) formatFlags(cmd *cobra.Command, format *string, standard string) {
	cmd.Flags().StringVar(format, "format", standard, formats+"; json is one array, jsonl one object a line")
	c.jsonFlag(cmd).Flags().Lookup("json").Usage = "the same as --format jsonl"
	kinds := cobra.FixedCompletions([]string{"table", "json", "csv", "jsonl"}, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("format", kinds); err != nil {
		panic(err) // the flag was made three lines above
	}
}

func (c *cli) printer(w io.Writer, format string, t desk.Tenant, channel func(desk.ChannelID) string) (printer, error) {
	if c.json {
		format = sheet.JSON
	}
	switch format {
	case "table":
		return &screen{w: w, channel: channel}, nil
	case "json":
		return &array{w: w, tenant: t.Name}, nil
	case sheet.JSON, sheet.CSV:
		f, err := sheet.NewTable(w, format, "", sheet.Columns())
		return file{f, t.Name}, err
	}
	return nil, wrong("--format is %q; take %s", format, formats)
}

// screen is the table for people.
type screen struct {
	w       io.Writer
	channel func(desk.ChannelID) string
	begun   bool
}

func (s *screen) rows(all []desk.Listed) error {
	s.begun = true
	return table(s.w, all, []column[desk.Listed]{
		{"RECEIVED", 0, func(m desk.Listed) string { return local(m.ReceivedAt) }},
		{"REFERENCE", 0, func(m desk.Listed) string { return m.Reference() }},
		{"CALLER", 24, func(m desk.Listed) string { return m.Caller }},
		{"CHANNEL", 24, func(m desk.Listed) string { return s.channel(m.Channel) }},
		{"STATE", 0, func(m desk.Listed) string { return string(m.State) }},
		{"TEXT", 60, func(m desk.Listed) string { return m.Text }},
	})
}

func (s *screen) end() error {
	if s.begun {
		return nil
	}
	_, err := fmt.Fprintln(s.w, "No messages.")
	return err
}

// array is one JSON array.
type array struct {
	w      io.Writer
	tenant string
	begun  bool
}

func (a *array) rows(all []desk.Listed) error {
	for _, m := range all {
		separator := ","
		if !a.begun {
			a.begun, separator = true, "["
		}
		if _, err := io.WriteString(a.w, separator); err != nil {
			return err
		}
		if err := printJSON(a.w, sheet.RecordOf(&m, a.tenant)); err != nil {
			return err
		}
	}
	return nil
}

func (a *array) end() error {
	closing := "]\n"
	if !a.begun {
		closing = "[]\n"
	}
	_, err := io.WriteString(a.w, closing)
	return err
}

// file is a table that /v1 exports as well.
type file struct {
	sheet.Table
	tenant string
}

func (f file) rows(all []desk.Listed) error {
	for i := range all {
		if err := f.Add(sheet.RecordOf(&all[i], f.tenant)); err != nil {
			return err
		}
	}
	return f.Flush()
}

func (f file) end() error { return f.End() }
