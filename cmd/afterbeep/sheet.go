package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/desk"
	messages "github.com/afterbeep/afterbeep/internal/sheet"
)

// record is a message as scripts and spreadsheets see it.
type record = messages.Record

func recordOf(m desk.Listed, tenant string) record { return messages.RecordOf(&m, tenant) }

// sheet writes messages in one format, page by page.
type sheet interface {
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

func (c *cli) sheet(w io.Writer, format string, t desk.Tenant, channel func(desk.ChannelID) string) (sheet, error) {
	if c.json {
		format = "jsonl"
	}
	switch format {
	case "table":
		return &screen{w: w, channel: channel}, nil
	case "json":
		return &array{w: w, tenant: t.Name}, nil
	case "jsonl":
		return &lines{w: w, tenant: t.Name}, nil
	case "csv":
		return newSpread(w, t.Name)
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

// lines is one JSON object a line.
type lines struct {
	w      io.Writer
	tenant string
}

func (l *lines) rows(all []desk.Listed) error {
	for _, m := range all {
		if err := printJSON(l.w, recordOf(m, l.tenant)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lines) end() error { return nil }

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
		if err := printJSON(a.w, recordOf(m, a.tenant)); err != nil {
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

// spread is CSV for spreadsheets.
type spread struct {
	*messages.Spread
	tenant string
}

func newSpread(w io.Writer, tenant string) (*spread, error) {
	s, err := messages.NewSpread(w)
	return &spread{s, tenant}, err
}

func (s *spread) rows(all []desk.Listed) error {
	for i := range all {
		if err := s.Add(recordOf(all[i], s.tenant)); err != nil {
			return err
		}
	}
	return s.End()
}

func (s *spread) end() error { return s.End() }
