package main

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

// record is a message as scripts and spreadsheets see it.
type record struct {
	ID         string `json:"id"`
	Reference  string `json:"reference"`
	ReceivedAt string `json:"received_at"`
	Tenant     string `json:"tenant"`
	ChannelID  string `json:"channel_id"`
	CallID     string `json:"call_id"`
	Caller     string `json:"caller"`
	UserID     string `json:"user_id"`
	UserName   string `json:"user_name"`
	Locale     string `json:"locale"`
	Text       string `json:"text"`
	ThreadID   string `json:"thread_id"` // "" until sorted
	State      string `json:"state"`
}

func recordOf(m desk.Listed, tenant string) record {
	r := record{
		ID: m.ID.String(), Reference: m.Reference(), ReceivedAt: stamp(m.ReceivedAt), Tenant: tenant,
		ChannelID: m.Channel.String(), CallID: m.CallID, Caller: m.Caller, UserID: m.UserID,
		UserName: m.UserName, Locale: m.Locale, Text: m.Text, State: string(m.State),
	}
	if m.Thread != 0 {
		r.ThreadID = m.Thread.String()
	}
	return r
}

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

// spread is CSV for spreadsheets: no cell is a formula (see term.Cell).
type spread struct {
	w      *csv.Writer
	tenant string
}

func newSpread(w io.Writer, tenant string) (*spread, error) {
	s := &spread{w: csv.NewWriter(w), tenant: tenant}
	return s, s.w.Write([]string{
		"id", "reference", "received_at", "tenant", "channel_id", "call_id", "caller",
		"user_id", "user_name", "locale", "text", "thread_id", "state",
	})
}

func (s *spread) rows(all []desk.Listed) error {
	for _, m := range all {
		r := recordOf(m, s.tenant)
		cells := []string{
			r.ID, r.Reference, r.ReceivedAt, r.Tenant, r.ChannelID, r.CallID, r.Caller,
			r.UserID, r.UserName, r.Locale, r.Text, r.ThreadID, r.State,
		}
		for i := range cells {
			cells[i] = term.Cell(cells[i])
		}
		if err := s.w.Write(cells); err != nil {
			return err
		}
	}
	return s.end()
}

func (s *spread) end() error {
	s.w.Flush()
	return s.w.Error()
}
