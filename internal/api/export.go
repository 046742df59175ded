package api

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/sheet"
)

type exportIn struct {
	Filter
	Format string `query:"format" enum:"csv,jsonl" default:"jsonl" doc:"csv is safe for spreadsheets: what could be a formula gets an apostrophe in front; jsonl has every text as it was left"`
	BOM    bool   `query:"bom" doc:"Begin with the mark by which Excel knows UTF-8"`
}

func (d *door) exports() {
	add(d, operation{
		id: "export-messages", method: http.MethodGet, path: "/exports/messages", may: desk.Exporting, group: "Messages",
		title: "Export messages",
		text: "All of them, or those of the filter, the newest first, as they are read. It is in the audit log before the first row. An export that fails breaks off: " +
			"the connection ends without the end of the answer. Rows that are damaged are left out, and counted in the trailer Afterbeep-Damaged.",
		example: example{Path: "/exports/messages?format=csv"},
	}, d.export)
	d.streams("/exports/messages", map[string]string{"text/csv": "A row a message, the names of the columns first", "application/jsonl": "An object a line"})
}

const (
	exportPage  = 500
	exportWrite = 30 * time.Second // that a page may take to be sent
	damagedRows = "Afterbeep-Damaged"
)

// writer writes messages in one format.
type writer interface {
	Add(sheet.Record) error
	End() error
}

func (s *Surface) export(ctx context.Context, a *desk.Actor, in *exportIn) (*streamed, error) {
	q, err := s.query(ctx, a, &in.Filter)
	if err != nil {
		return nil, err
	}
	tenant, err := s.tenantName(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	q.Limit = exportPage
	err = s.note(ctx, a, people.Done{Action: desk.Exported, Object: "messages", Data: map[string]any{
		"format": in.Format, "since": in.Since, "channel": in.Channel, "state": in.State,
		"searched": in.Text != "", "one_caller": in.Caller != "", "numbers": a.May(desk.NumbersSee),
	}})
	if err != nil {
		return nil, err
	}
	// The first page may still be refused in words.
	all, lowest, bad, err := s.page(ctx, a.Tenant, q)
	if err != nil {
		return nil, err
	}
	return &streamed{Body: func(h huma.Context) {
		_, w := humago.Unwrap(h)
		e := &exporting{surface: s, a: a, q: q, tenant: tenant, w: w, damaged: len(bad)}
		if err := e.run(ctx, in, all, lowest); err != nil {
			of(ctx).err = err
			panic(http.ErrAbortHandler) // half an export must not look like a whole one
		}
	}}, nil
}

func (s *Surface) tenantName(ctx context.Context, id desk.TenantID) (string, error) {
	all, err := s.Rooms.Tenants(ctx)
	for i := range all {
		if all[i].ID == id {
			return all[i].Name, err
		}
	}
	return "", err
}

// exporting is one export under way.
type exporting struct {
	surface *Surface
	a       *desk.Actor
	q       desk.Query
	tenant  string
	w       http.ResponseWriter
	damaged int
}

func (e *exporting) run(ctx context.Context, in *exportIn, all []desk.Listed, lowest desk.ID) error {
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}[in.Format]
	e.w.Header().Set("Content-Type", kind)
	e.w.Header().Set("Content-Disposition", `attachment; filename="messages.`+in.Format+`"`)
	e.w.Header().Set("Trailer", damagedRows)
	if of(ctx).visit.R.Method == http.MethodHead {
		return nil
	}
	buffered := bufio.NewWriter(e.w)
	if in.BOM {
		_, _ = buffered.WriteString("\ufeff") // the buffer keeps its error for Flush
	}
	var out writer = sheet.NewLines(buffered)
	if in.Format == "csv" {
		spread, err := sheet.NewSpread(buffered)
		if err != nil {
			return err
		}
		out = spread
	}
	for rc := http.NewResponseController(e.w); ; {
		if err := rc.SetWriteDeadline(time.Now().Add(exportWrite)); err != nil {
			return err
		}
		if err := e.rows(out, all); err != nil {
			return err
		}
		if err := buffered.Flush(); err != nil {
			return err
		}
		if lowest == 0 {
			e.w.Header().Set(damagedRows, strconv.Itoa(e.damaged))
			return nil
		}
		var bad []desk.ID
		var err error
		e.q.Before = lowest
		if all, lowest, bad, err = e.surface.page(ctx, e.a.Tenant, e.q); err != nil {
			return err
		}
		e.damaged += len(bad)
	}
}

func (e *exporting) rows(out writer, all []desk.Listed) error {
	for i := range all {
		r := sheet.RecordOf(&all[i], e.tenant)
		r.Caller = number(e.a, r.Caller)
		if err := out.Add(r); err != nil {
			return err
		}
	}
	return out.End()
}
