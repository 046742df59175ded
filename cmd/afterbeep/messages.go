package main

import (
	"bufio"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sheet"
	"github.com/afterbeep/afterbeep/internal/term"
)

// screenRows is how many rows a table shows unless --limit says otherwise.
const screenRows = 50

// messageStates are those of messages: their thread's, or one before they have any.
var messageStates = append(append([]desk.State{desk.Stored}, threadStates...), desk.Aside)

func (c *cli) messages() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "messages",
		Short: "Read and export what customers left",
		Long:  "Messages are listed from the moment they are acknowledged; before they are sorted into threads their state is \"stored\". A running server does not mind.",
	}, c.messagesList(), c.messagesShow(), c.messagesExport())
}

func (c *cli) messagesList() *cobra.Command {
	var f filter
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List messages, newest first",
		Example: `  afterbeep messages list --since 24h
  afterbeep messages list --caller 13866667777 --state new
  afterbeep messages list --channel Website --since 7d --json
  afterbeep messages list --text "退款 4711"`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			if format == "table" && !c.json && !cmd.Flags().Changed("limit") {
				f.limit = screenRows
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				n, err := c.write(ctx, task{a, t, f, format}, c.out)
				if err == nil && n == screenRows && !cmd.Flags().Changed("limit") && f.limit > 0 {
					c.note("These are the newest %d; --limit shows more, \"afterbeep messages export\" all.", n)
				}
				return err
			})
		}),
	}
	f.flags(cmd, messageStates...)
	f.words(cmd)
	c.formatFlags(cmd, &format, "table")
	return cmd
}

// task is what to write of which tenant.
type task struct {
	a      *app.App
	t      desk.Tenant
	f      filter
	format string
}

// write streams the messages to w and counts them.
func (c *cli) write(ctx context.Context, k task, w io.Writer) (n int, err error) {
	q, err := k.f.query(ctx, k.a, k.t, c.now())
	if err != nil {
		return 0, err
	}
	names, err := channelNames(ctx, k.a, k.t)
	if err != nil {
		return 0, err
	}
	buffered := bufio.NewWriter(w)
	s, err := c.printer(buffered, k.format, k.t, names)
	if err != nil {
		return 0, err
	}
	all := pages[desk.Listed]{
		read:  k.a.Messages,
		id:    func(m desk.Listed) desk.ID { return m.ID },
		limit: k.f.limit,
	}
	damaged := all.each(ctx, k.t.ID, q, func(rows []desk.Listed) error {
		n += len(rows)
		if len(rows) == 0 {
			return nil
		}
		return s.rows(rows)
	})
	if n == 0 && damaged != nil {
		return 0, damaged // "No messages." would be a lie
	}
	if err := s.end(); err != nil {
		return n, err
	}
	if err := buffered.Flush(); err != nil {
		return n, err
	}
	return n, damaged
}

func (c *cli) messagesShow() *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use:     "show ID|REFERENCE",
		Short:   "Show one message in full",
		Long:    "Show one message by its ID or its reference, as read out over the telephone: small letters, a missing hyphen, O for 0 and I for 1 are understood. A reference may fit two messages that are months apart; both are shown.",
		Example: "  afterbeep messages show 7K3Q-9F2M\n  afterbeep messages show 7k3q9f2m --json",
		Args:    takes("the message's ID or reference"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				found, err := a.Store.Message(ctx, t.ID, args[0])
				broken := damage{ids: map[desk.ID]bool{}}
				if _, err := broken.add(err); err != nil {
					return err
				}
				names, err := channelNames(ctx, a, t)
				if err != nil {
					return err
				}
				for i, m := range found {
					if c.json {
						if err := printJSON(c.out, sheet.RecordOf(&m, t.Name)); err != nil {
							return err
						}
						continue
					}
					if i > 0 {
						c.say("")
					}
					c.show(m, names(m.Channel))
				}
				return broken.err()
			})
		}),
	})
}

func (c *cli) show(m desk.Listed, channel string) {
	r := sheet.RecordOf(&m, "")
	for _, f := range []struct{ name, value string }{
		{"reference", r.Reference},
		{"id", r.ID},
		{"received", local(m.ReceivedAt)},
		{"state", r.State},
		{"thread", r.Thread},
		{"channel", channel},
		{"caller", r.Caller},
		{"call id", r.CallID},
		{"user", r.UserName + " (" + r.UserID + ", " + r.Locale + ")"},
	} {
		c.say("%-10s %s", f.name, term.Line(f.value))
	}
	c.say("\n%s", indent(term.Text(r.Text)))
}
