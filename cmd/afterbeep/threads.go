package main

import (
	"context"
	"math"
	"os/user"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sheet"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) threads() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "threads",
		Short: "Handle threads: all messages of one caller in one channel",
		Long:  "A thread is all messages of one caller in one channel that are handled together: one call back answers them all. A message that comes after a thread was closed opens a new one.",
	}, c.threadsList(), c.threadsShow(), c.threadsClose())
}

// threadStates are those of threads; a message can be stored or aside besides.
var threadStates = []desk.State{desk.New, desk.Assigned, desk.Working, desk.Waiting, desk.Closed}

// names are those of a tenant's channels and people.
type names struct {
	tenant  string
	channel func(desk.ChannelID) string
	people  map[desk.PersonID]desk.Person
}

func namesOf(ctx context.Context, a *app.App, t desk.Tenant) (n names, err error) {
	n.tenant, n.people = t.Name, map[desk.PersonID]desk.Person{}
	if n.channel, err = channelNames(ctx, a, t); err != nil {
		return n, err
	}
	all, err := a.Store.People(ctx, t.ID)
	for _, p := range all {
		n.people[p.ID] = p
	}
	return n, err
}

func (n names) thread(th desk.Thread) sheet.Thread {
	return sheet.ThreadOf(&th, n.tenant, n.people[th.Owner].Name)
}

func (c *cli) threadsList() *cobra.Command {
	var f filter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List threads, newest first",
		Example: "  afterbeep threads list --state new\n  afterbeep threads list --caller 13866667777 --json",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			if !c.json && !cmd.Flags().Changed("limit") {
				f.limit = screenRows
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				q, err := f.query(ctx, a, t, c.now())
				if err != nil {
					return err
				}
				n, err := namesOf(ctx, a, t)
				if err != nil {
					return err
				}
				all, found := pages[desk.Thread]{read: a.Store.Threads, id: func(th desk.Thread) desk.ID { return th.ID }, limit: f.limit}, 0
				err = all.each(ctx, t.ID, q, func(rows []desk.Thread) error {
					found += len(rows)
					return list(c, rows, n.columns(), func(th desk.Thread) any { return n.thread(th) })
				})
				switch {
				case err != nil || c.json:
				case found == 0:
					c.say("No threads.")
				case found == screenRows && !cmd.Flags().Changed("limit"):
					c.note("These are the newest %d; --limit shows more.", found)
				}
				return err
			})
		}),
	}
	f.flags(cmd, threadStates...)
	return c.jsonFlag(cmd)
}

func (n names) columns() []column[desk.Thread] {
	return []column[desk.Thread]{
		{"ID", 0, func(th desk.Thread) string { return th.ID.String() }},
		{"CALLER", 24, func(th desk.Thread) string { return th.Caller }},
		{"CHANNEL", 24, func(th desk.Thread) string { return n.channel(th.Channel) }},
		{"STATE", 0, func(th desk.Thread) string { return string(th.State) }},
		{"OWNER", 24, func(th desk.Thread) string { return n.people[th.Owner].Login }},
		{"DUE", 0, func(th desk.Thread) string { return local(th.DueAt) }},
		{"MESSAGES", 0, func(th desk.Thread) string { return strconv.Itoa(th.Messages) }},
		{"LAST", 0, func(th desk.Thread) string { return local(th.LastAt) }},
	}
}

// conversation is a thread with everything in it.
type conversation struct {
	Thread   sheet.Thread   `json:"thread"`
	Messages []sheet.Record `json:"messages"`
	Events   []eventRow     `json:"events"`
}

type eventRow struct {
	ID    string         `json:"id"`
	Kind  string         `json:"kind"`
	Actor string         `json:"actor"`
	At    string         `json:"at"`
	Data  jsontext.Value `json:"data"`
}

func (c *cli) threadsShow() *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use:     "show ID",
		Short:   "Show a thread: its messages and what happened to it",
		Example: "  afterbeep threads show 298400116531200001\n  afterbeep threads show 298400116531200001 --json",
		Args:    takes("the thread's ID"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				var id desk.ID
				if err := id.UnmarshalText([]byte(args[0])); err != nil {
					return err
				}
				return c.showThread(ctx, a, t, id)
			})
		}),
	})
}

func (c *cli) showThread(ctx context.Context, a *app.App, t desk.Tenant, id desk.ID) error {
	th, err := a.Store.Thread(ctx, t.ID, id)
	if err != nil {
		return err
	}
	broken := damage{ids: map[desk.ID]bool{}}
	contents, events, err := a.Store.Newest(ctx, t.ID, id, math.MaxInt32) // all of them
	if _, err = broken.add(err); err != nil {
		return err
	}
	n, err := namesOf(ctx, a, t)
	if err != nil {
		return err
	}
	v := conversation{Thread: n.thread(th), Messages: []sheet.Record{}, Events: []eventRow{}}
	for _, m := range contents {
		v.Messages = append(v.Messages, sheet.RecordOf(&m, t.Name))
	}
	for _, e := range events {
		v.Events = append(v.Events, eventRow{strconv.FormatInt(e.Seq, 10), e.Kind, e.Actor, stamp(e.At), jsontext.Value(e.Data)})
	}
	if c.json {
		err = printJSON(c.out, v)
	} else {
		err = c.printThread(th, n, contents, events)
	}
	if err != nil {
		return err
	}
	return broken.err()
}

func (c *cli) printThread(th desk.Thread, n names, contents []desk.Listed, events []desk.Event) error {
	if err := table(c.out, []desk.Thread{th}, n.columns()); err != nil {
		return err
	}
	if !th.WakeAt.IsZero() {
		c.say("waits until %s", local(th.WakeAt))
	}
	if th.Attempts > 0 {
		c.say("calls: %d, the last one %s", th.Attempts, th.Outcome)
	}
	if th.Reason != "" {
		c.say("closed because: %s", term.Line(th.Reason))
	}
	if th.Previous != 0 {
		c.say("after thread %s", th.Previous)
	}
	for _, m := range contents {
		c.say("\n%s  %s  %s\n%s", local(m.ReceivedAt), m.Reference(), term.Line(m.UserName), indent(term.Text(m.Text)))
	}
	c.say("")
	return table(c.out, events, []column[desk.Event]{
		{"WHEN", 0, func(e desk.Event) string { return local(e.At) }},
		{"WHAT", 0, func(e desk.Event) string { return e.Kind }},
		{"WHO", 40, func(e desk.Event) string { return e.Actor }},
		{"DATA", 80, func(e desk.Event) string { return string(e.Data) }},
	})
}

func (c *cli) threadsClose() *cobra.Command {
	var reason, actor string
	cmd := &cobra.Command{
		Use:     "close ID",
		Short:   "Close a thread: the caller has been answered",
		Example: "  afterbeep threads close 298400116531200001 --reason \"called back, sorted out\"",
		Args:    takes("the thread's ID"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if actor == "" {
				actor = whoami()
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				var id desk.ID
				if err := id.UnmarshalText([]byte(args[0])); err != nil {
					return err
				}
				th, err := a.Handling.Close(ctx, desk.Actor{Tenant: t.ID, Name: actor, Role: desk.RoleAdministrator}, id, 0, reason)
				if err != nil {
					return err
				}
				if c.json {
					n, err := namesOf(ctx, a, t)
					return orJSON(c, err, n.thread(th))
				}
				c.say("thread %s of %s is closed", th.ID, term.Line(th.Caller))
				return nil
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in a few words")
	cmd.Flags().StringVar(&actor, "actor", "", "who closes it (default: your account on this machine)")
	return c.jsonFlag(cmd)
}

// whoami is the account that types, for the event log.
func whoami() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "command line"
}
