package main

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
)

func (c *cli) audit() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "audit",
		Short: "The audit log: who signed in, saw a number, exported, changed rights",
		Long:  "The audit log says who did what. Its rows are numbered without gaps and chained by their hashes, so that one that was changed, removed or slipped in shows.",
	}, c.auditList(), c.auditVerify())
}

// auditRow is a row as JSON.
type auditRow struct {
	Seq     int64  `json:"seq"`
	At      string `json:"at"`
	Actor   string `json:"actor"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Action  string `json:"action"`
	Object  string `json:"object"`
	Data    string `json:"data"`
	Hash    string `json:"hash"`
}

func (c *cli) auditList() *cobra.Command {
	q := desk.DeedQuery{}
	var back string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the audit log, newest first",
		Example: `  afterbeep audit list --since 24h
  afterbeep audit list --action number.shown --actor person:3 --json
  afterbeep audit list --limit 0 --json > audit.jsonl`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) (err error) {
			if limit < 0 {
				return wrong("--limit is %d; take a number of rows, or 0 for all", limit)
			}
			if q.Since, err = since(back, c.now()); err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				return c.deeds(ctx, a, t, q, limit)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&q.Action, "action", "", "only this `ACTION`, such as signin.failed")
	f.StringVar(&q.Actor, "actor", "", "only by this `ACTOR`, such as person:3")
	f.StringVar(&q.Object, "object", "", "only about this `OBJECT`, such as thread:123")
	f.StringVar(&back, "since", "", "only what was done since `TIME`: 24h, 7d, 2026-01-31 or 2026-01-31T09:00:00Z")
	f.Int64Var(&q.Before, "before", 0, "only rows below this `NUMBER`, for the next page")
	f.IntVar(&limit, "limit", 100, "the most rows, newest first; 0 shows all")
	return c.jsonFlag(cmd)
}

// deeds prints the log page by page.
func (c *cli) deeds(ctx context.Context, a *app.App, t desk.Tenant, q desk.DeedQuery, limit int) error {
	columns := []column[desk.Deed]{
		{"SEQ", 0, func(d desk.Deed) string { return strconv.FormatInt(d.Seq, 10) }},
		{"AT", 0, func(d desk.Deed) string { return local(d.At) }},
		{"WHO", 30, func(d desk.Deed) string { return strings.TrimSpace(d.Name + " (" + d.Actor + ")") }},
		{"FROM", 40, func(d desk.Deed) string { return d.Address }},
		{"ACTION", 0, func(d desk.Deed) string { return d.Action }},
		{"OBJECT", 40, func(d desk.Deed) string { return d.Object }},
		{"DATA", 80, func(d desk.Deed) string { return d.Data }},
	}
	for shown := 0; limit == 0 || shown < limit; {
		q.Limit = page
		if limit > 0 {
			q.Limit = min(page, limit-shown)
		}
		rows, err := a.Store.Deeds(ctx, t.ID, q)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			if shown == 0 && !c.json {
				c.say("No rows.")
			}
			return nil
		}
		if err := list(c, rows, columns, func(d desk.Deed) any {
			return auditRow{d.Seq, stamp(d.At), d.Actor, d.Name, d.Address, d.Action, d.Object, d.Data, hex.EncodeToString(d.Hash)}
		}); err != nil {
			return err
		}
		shown += len(rows)
		q.Before = rows[len(rows)-1].Seq
	}
	return nil
}

// verdict is what a check of the audit log found, as JSON.
type verdict struct {
	Tenant string      `json:"tenant"`
	OK     bool        `json:"ok"`
	Rows   int64       `json:"rows"`
	Head   string      `json:"head"` // to be written down elsewhere: NUMBER:HASH
	Flaws  []desk.Flaw `json:"flaws"`
}

func (c *cli) auditVerify() *cobra.Command {
	var anchor string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that no row of the audit log was changed, removed or slipped in",
		Long: `Check every row of the audit log against its hash and the one before it.

Whoever owns the whole database can write a new log with new hashes. Against
that, keep the head that is printed somewhere else, and give it to --anchor later:
it proves that the log up to there is still the same.`,
		Example: `  afterbeep audit verify
  afterbeep audit verify --anchor 1204:9f2c…`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			seq, hash, err := parseAnchor(anchor)
			if err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				v := verdict{Tenant: t.Name, Flaws: []desk.Flaw{}}
				anchored, last := seq == 0, desk.Deed{}
				trail, err := a.Store.AuditTrail(ctx, t.ID, func(d *desk.Deed) {
					last = *d
					anchored = anchored || d.Seq == seq && hex.EncodeToString(d.Hash) == hash
				})
				if err != nil {
					return err
				}
				v.Rows, v.Flaws = trail.Rows, append(v.Flaws, trail.Flaws...)
				v.Head = strconv.FormatInt(last.Seq, 10) + ":" + hex.EncodeToString(last.Hash)
				if !anchored {
					v.Flaws = append(v.Flaws, desk.Flaw{Seq: seq, What: "changed", Text: "row " + strconv.FormatInt(seq, 10) + " is not the one that was written down"})
				}
				v.OK = len(v.Flaws) == 0
				return c.judged(v)
			})
		}),
	}
	cmd.Flags().StringVar(&anchor, "anchor", "", "a head `NUMBER:HASH` that was written down earlier")
	return c.jsonFlag(cmd)
}

func parseAnchor(s string) (seq int64, hash string, err error) {
	if s == "" {
		return 0, "", nil
	}
	number, hash, ok := strings.Cut(s, ":")
	seq, err = strconv.ParseInt(number, 10, 64)
	raw, bad := hex.DecodeString(hash)
	if !ok || err != nil || bad != nil || seq < 1 || len(raw) != 32 {
		return 0, "", wrong("an anchor looks like 1204:9f2c…, as \"afterbeep audit verify\" prints it")
	}
	return seq, strings.ToLower(hash), nil
}

// judged prints a verdict; a flaw makes the exit code 1.
func (c *cli) judged(v verdict) error {
	switch {
	case c.json:
		if err := printJSON(c.out, v); err != nil {
			return err
		}
	case v.OK:
		c.say("%d rows are what was written; the head is %s", v.Rows, v.Head)
	default:
		for _, f := range v.Flaws {
			c.say("%s", f.Text)
		}
	}
	if !v.OK {
		return silent(exitError)
	}
	return nil
}
