package people

import (
	"context"
	"encoding/json"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Book is the audit log.
type Book interface {
	Audit(ctx context.Context, d desk.Deed) (desk.Deed, error)
}

// Audit writes down what the actor did, outside of any other transaction: before
// it is done, so that nothing is done unseen. data becomes a JSON object; nil is
// an empty one. It must hold nothing of a message and no secret.
func (p *People) Audit(ctx context.Context, b Book, a *desk.Actor, d Done) error {
	deed := a.Deed(d.Action, d.Object)
	deed.At, deed.Data = p.now(), object(d.Data)
	_, err := b.Audit(ctx, deed)
	return err
}

// Done is what is written down.
type Done struct {
	Action string // one of desk's words, such as desk.NumberShown
	Object string // such as thread:123
	Data   map[string]any
}

func object(data map[string]any) string {
	raw, err := json.Marshal(data)
	if err != nil || len(data) == 0 {
		return "{}"
	}
	return string(raw)
}

// deed is a row about a person.
func (p *People) deed(a *desk.Actor, action string, about *desk.Person, data map[string]any) desk.Deed {
	d := a.Deed(action, "person:"+about.ID.String())
	d.At, d.Data = p.now(), object(data)
	return d
}
