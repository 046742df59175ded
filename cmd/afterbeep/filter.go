package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// filter is what lists of messages and threads can be narrowed by.
type filter struct {
	since, caller, channel, state, text string
	states                              []string // that there are
	limit                               int
}

func (f *filter) flags(cmd *cobra.Command, states ...desk.State) {
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "only what came since `TIME`: 24h, 7d, 2026-01-31 or 2026-01-31T09:00:00Z")
	flags.StringVar(&f.caller, "caller", "", "only of this caller, however the `NUMBER` is written")
	flags.StringVar(&f.channel, "channel", "", "only of this channel, by name or Configuration ID")
	for _, s := range states {
		f.states = append(f.states, string(s))
	}
	last := len(f.states) - 1
	flags.StringVar(&f.state, "state", "", "only in this state: "+strings.Join(f.states[:last], ", ")+" or "+f.states[last])
	flags.IntVar(&f.limit, "limit", 0, "the most that is shown, newest first; 0 shows all (a table: 50)")
	if err := cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(f.states, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was made two lines above
	}
}

// words is for lists that can be searched.
func (f *filter) words(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.text, "text", "", "only those with all of these `WORDS` in their text, name or number; parts of a Chinese text and the last digits of a number are found, too")
}

// query is the filter in the words of the domain.
func (f *filter) query(ctx context.Context, a *app.App, t desk.Tenant, now time.Time) (q desk.Query, err error) {
	if f.limit < 0 {
		return q, wrong("--limit is %d; take a number of rows, or 0 for all", f.limit)
	}
	q.Text = f.text
	if q.Since, err = since(f.since, now); err != nil {
		return q, err
	}
	if f.state != "" {
		if !slices.Contains(f.states, f.state) {
			return q, wrong("--state is %q; here, a state is one of %s", f.state, strings.Join(f.states, ", "))
		}
		q.State = desk.State(f.state)
	}
	if f.channel != "" {
		if q.Channel, err = findChannel(ctx, a, t, f.channel); err != nil {
			return q, err
		}
	}
	if f.caller != "" {
		q.Caller = f.caller
		q.Keys, err = a.CallerKeys(ctx, t.ID, q.Channel, f.caller)
	}
	return q, err
}

func findChannel(ctx context.Context, a *app.App, t desk.Tenant, name string) (desk.ChannelID, error) {
	all, err := a.Store.Channels(ctx, t.ID)
	if err != nil {
		return 0, err
	}
	for _, ch := range all {
		if ch.Name == name || ch.ID.String() == name {
			return ch.ID, nil
		}
	}
	return 0, desk.Errorf(desk.Missing, "channel", "there is no channel %q; \"afterbeep channel list\" shows them", name)
}

// since reads how far back, as a duration (with d for days and w for weeks), a
// date here, or a moment.
func since(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, err := strconv.ParseUint(strings.TrimSuffix(text, unit), 10, 12); err == nil && strings.HasSuffix(text, unit) {
			return now.Add(-time.Duration(n) * length), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	switch {
	case err == nil && at.After(now):
		return time.Time{}, wrong("--since is %s, which is still to come", text)
	case err == nil:
		return at, nil
	}
	return time.Time{}, wrong("--since is %q; write it like 24h, 7d, 2026-01-31 or 2026-01-31T09:00:00Z", text)
}

// channelNames are the names of a tenant's channels, for people.
func channelNames(ctx context.Context, a *app.App, t desk.Tenant) (func(desk.ChannelID) string, error) {
	all, err := a.Store.Channels(ctx, t.ID)
	names := map[desk.ChannelID]string{}
	for _, ch := range all {
		names[ch.ID] = ch.Name
	}
	return func(id desk.ChannelID) string {
		if names[id] == "" {
			return id.String()
		}
		return names[id]
	}, err
}
