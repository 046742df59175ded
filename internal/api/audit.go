package api

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
	"github.com/afterbeep/afterbeep/internal/people"
)

// Book is the audit log: the store.
type Book interface {
	people.Book
	Deeds(ctx context.Context, tenant desk.TenantID, q desk.DeedQuery) ([]desk.Deed, error)
}

// Deed is a row of the audit log.
type Deed struct {
	ID      string `json:"id" doc:"Its number; numbers have no gaps" example:"17"`
	At      string `json:"at" format:"date-time"`
	Actor   string `json:"actor" doc:"person:2, key:3, command or system" example:"person:2"`
	Name    string `json:"name" doc:"The actor's name then" example:"Ann"`
	Address string `json:"address,omitempty" doc:"From where"`
	Action  string `json:"action" example:"number.shown"`
	Object  string `json:"object" doc:"To what it was done" example:"thread:311487412345839616"`
	Data    string `json:"data" doc:"A JSON object, byte for byte as it was written: the hash is over it, too" example:"{}"`
	Before  string `json:"prev_hash" doc:"The hash of the row before, in hexadecimal: who keeps copies sees that nothing was changed"`
	Hash    string `json:"hash"`
}

// AuditPage is a page of the audit log, the newest first.
type AuditPage struct {
	Rows []Deed `json:"rows" nullable:"false"`
	Next string `json:"next,omitempty" doc:"The address of the next page; absent on the last" example:"/v1/audit?cursor=17"`
}

type auditIn struct {
	Since string `query:"since" format:"date-time" doc:"Only what was done from then on"`
	Page
}

func (s *Surface) audit() {
	openapi.Add(s.Door, openapi.Operation{
		ID: "list-audit", Method: http.MethodGet, Path: "/audit", May: desk.AuditRead, Group: "Audit",
		Title: "Read the audit log", Text: "The newest first. A program that keeps a copy reads until it meets a row that it has.",
		Example: openapi.Example{Path: "/audit?limit=100"},
	}, s.listAudit)
}

func deedOf(d *desk.Deed) Deed {
	return Deed{
		ID: seq(d.Seq), At: stamp(d.At), Actor: d.Actor, Name: d.Name, Address: d.Address, Action: d.Action, Object: d.Object,
		Data: d.Data, Before: hex.EncodeToString(d.Prev), Hash: hex.EncodeToString(d.Hash),
	}
}

func (s *Surface) listAudit(ctx context.Context, a *desk.Actor, in *auditIn) (*answer[AuditPage], error) {
	since, err := when(in.Since, "since")
	if err != nil {
		return nil, err
	}
	below, err := before(in.Cursor)
	if err != nil {
		return nil, err
	}
	all, err := s.Book.Deeds(ctx, a.Tenant, desk.DeedQuery{Before: int64(below), Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	page := AuditPage{Rows: []Deed{}}
	for i := range all {
		// Rows follow each other in time, so the first that is older ends the list. The
		// store would look through all the others for one that is not.
		if all[i].At.Before(since) {
			return &answer[AuditPage]{Body: page}, nil
		}
		page.Rows = append(page.Rows, deedOf(&all[i]))
	}
	if len(all) == in.Limit {
		page.Next = next(ctx, seq(all[len(all)-1].Seq))
	}
	return &answer[AuditPage]{Body: page}, nil
}

// note writes a deed into the audit log.
func (s *Surface) note(ctx context.Context, a *desk.Actor, d people.Done) error {
	return s.People.Audit(ctx, s.Book, a, d)
}
