package api

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/openapi"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/sheet"
)

// Format is how an export is written. It is exported for the library, which reads
// fields.
type Format struct {
	Format string `query:"format" enum:"csv,xlsx,jsonl" default:"jsonl" doc:"csv and xlsx are safe for spreadsheets: in csv, what could be a formula gets an apostrophe in front, in xlsx it is text; jsonl has every text as it was left"`
	BOM    bool   `query:"bom" doc:"csv: begin with the mark by which Excel knows UTF-8"`
}

type (
	exportMessagesIn struct {
		Filter
		Format
	}
	exportThreadsIn struct {
		ThreadFilter
		Format
	}
	exportCallsIn struct {
		CallFilter
		Format
	}
	exportNotesIn struct {
		Made
		Format
	}
)

const (
	exportPage  = 500
	exportWrite = 30 * time.Second // that a page may take to be sent
	damagedRows = "Afterbeep-Damaged"
)

func (s *Surface) exports() {
	op := func(what, title, text, query string) openapi.Operation {
		path := "/exports/" + what
		return openapi.Operation{
			ID: "export-" + what, Method: http.MethodGet, Path: path, May: desk.Exporting, Group: "Exports",
			Title: title, Text: text, Example: openapi.Example{Path: path + query},
		}
	}
	openapi.Add(s.Door, op("messages", "Export messages", "All of them, or those of the filter, the newest first, as they are read. "+
		"It is in the audit log before the first row. An export that fails breaks off: the connection ends without the end of the answer. "+
		"Rows that are damaged are left out, and counted in the trailer Afterbeep-Damaged.", "?format=csv"), s.exportMessages)
	openapi.Add(s.Door, op("threads", "Export threads", "A view, in its order, as it is read: what moves meanwhile may be missing, or come twice. "+
		"Otherwise as for messages. Takes the scope `threads.see` as well.", "?format=xlsx&view=closed"), s.exportThreads)
	openapi.Add(s.Door, op("calls", "Export calls", "The newest first. Otherwise as for messages. Takes the scope `threads.see` as well.",
		"?format=csv&since=2026-11-01T00:00:00Z"), s.exportCalls)
	openapi.Add(s.Door, op("notes", "Export notes", "As for calls.", "?format=jsonl"), s.exportNotes)
	for _, what := range []string{"messages", "threads", "calls", "notes"} {
		s.Streams("/exports/"+what, map[string]string{
			"text/csv": "A line a row, the names of the columns first", "application/jsonl": "An object a line",
			sheet.Formats()[sheet.XLSX]: "A workbook",
		})
	}
}

// export is a table that is asked for.
type export struct {
	what    string
	columns []string
	asked   map[string]any // for the audit log
	// page gives some rows and how many were left out because they are damaged;
	// more says that it is worth to ask again.
	page func(ctx context.Context) (rows []sheet.Row, damaged int, more bool, err error)
}

// export writes down that there is an export, reads the first page, which may
// still be refused in words, and then sends all of them.
func (s *Surface) export(ctx context.Context, a *desk.Actor, f Format, e export) (*openapi.Streamed, error) {
	e.asked["format"], e.asked["numbers"] = f.Format, a.May(desk.NumbersSee)
	if err := s.note(ctx, a, people.Done{Action: desk.Exported, Object: e.what, Data: e.asked}); err != nil {
		return nil, err
	}
	rows, damaged, more, err := e.page(ctx)
	if err != nil {
		return nil, err
	}
	return openapi.Stream(ctx, func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", sheet.Formats()[f.Format])
		w.Header().Set("Content-Disposition", `attachment; filename="`+e.what+`.`+f.Format+`"`)
		w.Header().Set("Trailer", damagedRows)
		if r.Method == http.MethodHead {
			return nil
		}
		t := exporting{export: e, f: f, w: w, rows: rows, damaged: damaged, more: more}
		if err := t.run(ctx); err != nil {
			openapi.Of(ctx).Err = err
			panic(http.ErrAbortHandler) // half an export must not look like a whole one
		}
		w.Header().Set(damagedRows, strconv.Itoa(t.damaged))
		return nil
	}), nil
}

// exporting is an export under way.
type exporting struct {
	export
	f       Format
	w       http.ResponseWriter
	rows    []sheet.Row // that are to be sent next
	damaged int
	more    bool
}

func (e *exporting) run(ctx context.Context) error {
	buffered := bufio.NewWriter(e.w)
	if e.f.BOM && e.f.Format == sheet.CSV {
		_, _ = buffered.WriteString("\ufeff") // the buffer keeps its error for Flush
	}
	out, err := sheet.NewTable(buffered, e.f.Format, e.what, e.columns)
	if err != nil {
		return err
	}
	for rc := http.NewResponseController(e.w); ; {
		if err := rc.SetWriteDeadline(time.Now().Add(exportWrite)); err != nil {
			return err
		}
		for _, r := range e.rows {
			if err := out.Add(r); err != nil {
				return err
			}
		}
		finish := out.Flush
		if !e.more {
			finish = out.End
		}
		if err := finish(); err != nil {
			return err
		}
		if err := buffered.Flush(); err != nil || !e.more {
			return err
		}
		var damaged int
		if e.rows, damaged, e.more, err = e.page(ctx); err != nil {
			return err
		}
		e.damaged += damaged
	}
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

func (s *Surface) exportMessages(ctx context.Context, a *desk.Actor, in *exportMessagesIn) (*openapi.Streamed, error) {
	q, err := s.query(ctx, a, &in.Filter)
	if err != nil {
		return nil, err
	}
	tenant, err := s.tenantName(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	q.Limit = exportPage
	asked := map[string]any{
		"since": in.Since, "channel": in.Channel, "state": in.State, "searched": in.Text != "", "one_caller": in.Caller != "",
	}
	return s.export(ctx, a, in.Format, export{"messages", sheet.Columns(), asked, func(ctx context.Context) (rows []sheet.Row, damaged int, more bool, err error) {
		all, lowest, bad, err := s.page(ctx, a.Tenant, q)
		for i := range all {
			r := sheet.RecordOf(&all[i], tenant)
			r.Caller = number(a, r.Caller)
			rows = append(rows, r)
		}
		q.Before = lowest
		return rows, len(bad), lowest != 0, err
	}})
}

func (s *Surface) exportThreads(ctx context.Context, a *desk.Actor, in *exportThreadsIn) (*openapi.Streamed, error) {
	q, err := s.view(ctx, a, &in.ThreadFilter)
	if err != nil {
		return nil, err
	}
	tenant, err := s.tenantName(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	names, err := s.Desk.Names(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	q.Limit = handling.MaxLimit
	asked := map[string]any{
		"view": in.View, "since": in.Since, "channel": in.Channel, "owner": in.Owner, "outcome": in.Outcome, "searched": in.Text != "",
	}
	return s.export(ctx, a, in.Format, export{"threads", sheet.ThreadColumns(), asked, func(ctx context.Context) (rows []sheet.Row, damaged int, more bool, err error) {
		found, err := s.Desk.View(ctx, *a, q)
		for i := range found.Threads {
			th := &found.Threads[i]
			r := sheet.ThreadOf(th, tenant, names[th.Owner])
			r.Caller = number(a, r.Caller)
			rows = append(rows, r)
		}
		q.Before = found.Next
		return rows, 0, found.Next != "", err
	}})
}

func (s *Surface) exportCalls(ctx context.Context, a *desk.Actor, in *exportCallsIn) (*openapi.Streamed, error) {
	return s.exportEntries(ctx, a, in.Format, desk.CallAttempted, &in.CallFilter)
}

func (s *Surface) exportNotes(ctx context.Context, a *desk.Actor, in *exportNotesIn) (*openapi.Streamed, error) {
	return s.exportEntries(ctx, a, in.Format, desk.NoteAdded, &CallFilter{Made: in.Made})
}

func (s *Surface) exportEntries(ctx context.Context, a *desk.Actor, f Format, kind string, by *CallFilter) (*openapi.Streamed, error) {
	q, err := s.made(ctx, a, kind, by)
	if err != nil {
		return nil, err
	}
	tenant, err := s.tenantName(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	q.Limit = handling.MaxLimit
	asked := map[string]any{"since": by.Since, "until": by.Until, "channel": by.Channel, "person": by.Person, "outcome": by.Outcome}
	return s.export(ctx, a, f, export{objects[kind], sheet.EntryColumns(), asked, func(ctx context.Context) (rows []sheet.Row, damaged int, more bool, err error) {
		found, err := s.Desk.Entries(ctx, *a, q)
		for i := range found.Entries {
			r := sheet.EntryOf(&found.Entries[i], tenant)
			r.Caller = number(a, r.Caller)
			rows = append(rows, r)
		}
		q.Before = found.Next
		return rows, len(found.Damaged), found.Next != "", err
	}})
}
