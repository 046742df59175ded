package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// Act names a thread, the version that was seen and for whom it is done; it is
// exported for the library, which reads fields.
type Act struct {
	ThreadPath
	Match string `header:"If-Match" maxLength:"30" doc:"The ETag that was seen; another version is 412. Without it, whatever there is is changed"`
	For   string `header:"For-Person" pattern:"^[0-9]{1,19}$" doc:"Do it for this person: what is claimed is hers. Takes the scope threads.assign as well"`
}

type (
	actIn    struct{ Act }
	assignIn struct {
		Act
		Body struct {
			To string `json:"to" pattern:"^[0-9]{1,19}$" doc:"The person's id; 0 gives it back to everybody" example:"2"`
		}
	}
	callIn struct {
		Act
		Body struct {
			Outcome string `json:"outcome" enum:"reached,no_answer,busy,wrong_number,voicemail,again"`
			Note    string `json:"note,omitempty" maxLength:"2000" doc:"What was said"`
			Again   string `json:"again,omitempty" format:"date-time" doc:"When to call again; the outcome again needs it"`
			Close   bool   `json:"close,omitempty" doc:"The caller has been answered: close the thread as well"`
			Reason  string `json:"reason,omitempty" maxLength:"500" doc:"Why it is closed"`
		}
	}
	undoIn struct {
		ThreadPath
		For string `header:"For-Person" pattern:"^[0-9]{1,19}$" doc:"As everywhere: do it for this person"`
	}
	noteIn struct {
		ThreadPath
		For  string `header:"For-Person" pattern:"^[0-9]{1,19}$" doc:"As everywhere: do it for this person"`
		Body struct {
			Note string `json:"note" minLength:"1" maxLength:"2000"`
		}
	}
	snoozeIn struct {
		Act
		Body struct {
			Until string `json:"until" format:"date-time" doc:"Within 90 days"`
		}
	}
	closeIn struct {
		Act
		Body struct {
			Reason string `json:"reason,omitempty" maxLength:"500"`
		}
	}
)

func (d *door) handling() {
	act := func(id, verb, title, text, body string) operation {
		return operation{
			id: id, method: http.MethodPost, path: "/threads/{thread}/" + verb, may: desk.ThreadsHandle, group: "Handling",
			title: title, text: text, example: example{Path: "/threads/{thread}/" + verb, Body: body},
		}
	}
	claim := act("claim-thread", "claim", "Claim a thread for a person", "A claim lasts five minutes; claiming again renews it. Only a person can hold one, so name her in `For-Person`.", "")
	claim.example.Header = map[string]string{"For-Person": "{person}", "If-Match": "*"}
	add(d, claim, func(ctx context.Context, a *desk.Actor, in *actIn) (*answer[Thread], error) {
		return d.act(ctx, a, &in.Act, d.Desk.Claim)
	})
	add(d, act("release-thread", "release", "Give a thread back to everybody", "", ""), func(ctx context.Context, a *desk.Actor, in *actIn) (*answer[Thread], error) {
		return d.act(ctx, a, &in.Act, d.Desk.Release)
	})
	assign := act("assign-thread", "assign", "Give a thread to a person", "She keeps it until she gives it back.", `{"to":"{person}"}`)
	assign.may = desk.ThreadsAssign
	add(d, assign, d.assign)
	add(d, act("call-thread", "call", "Note a call", "What follows from the outcome is done in the same step: `no_answer`, `busy` and `voicemail` put the thread off.",
		`{"outcome":"no_answer","note":"rang for a minute"}`), d.call)
	add(d, act("snooze-thread", "snooze", "Put a thread off", "", `{"until":"{tomorrow}"}`), d.snooze)
	add(d, act("close-thread", "close", "Close a thread", "Closing a closed one changes nothing.", `{"reason":"refund sent"}`), d.close)
	add(d, act("reopen-thread", "reopen", "Open a closed thread again", "", ""), func(ctx context.Context, a *desk.Actor, in *actIn) (*answer[Thread], error) {
		return d.act(ctx, a, &in.Act, d.Desk.Reopen)
	})
	add(d, act("undo-thread", "undo", "Take back this key's last change", "Within five minutes, when nobody changed the thread since.", ""), d.undo)
	note := act("note-thread", "notes", "Add a note", "It changes nothing else, so it needs no version.", `{"note":"called from the shop as well"}`)
	note.status = http.StatusNoContent
	add(d, note, d.addNote)
}

// act does one thing to one thread, and answers with what it has become.
func (s *Surface) act(ctx context.Context, a *desk.Actor, in *Act,
	do func(context.Context, desk.Actor, desk.ID, int64) (desk.Thread, error),
) (*answer[Thread], error) {
	id, err := threadID(in.Thread)
	if err != nil {
		return nil, err
	}
	v, err := version(in.Match)
	if err != nil {
		return nil, err
	}
	as, err := s.instead(ctx, a, in.For)
	if err != nil {
		return nil, err
	}
	if err := s.show(ctx, a, "thread:"+id.String()); err != nil {
		return nil, err
	}
	th, err := do(ctx, as, id, v)
	var e *desk.Error
	if v != 0 && errors.As(err, &e) && e.Code == "thread_changed" {
		err = errStale
	}
	if err != nil {
		return nil, err
	}
	return &answer[Thread]{ETag: etag(th.Version), Body: threadOf(a, &th)}, nil
}

// instead is who does it: the key itself, or a person whom it acts for. The log
// names both.
func (s *Surface) instead(ctx context.Context, a *desk.Actor, person string) (desk.Actor, error) {
	if person == "" {
		return *a, nil
	}
	if !a.May(desk.ThreadsAssign) {
		return *a, desk.Errorf(desk.Forbidden, "scope", "to act for a person, this key lacks the scope %s", desk.ThreadsAssign)
	}
	p, err := s.person(ctx, a, person)
	if err != nil {
		return *a, err
	}
	her := p.Actor(a.Address)
	if p.Disabled || !her.May(desk.ThreadsHandle) {
		return *a, desk.Errorf(desk.Invalid, "for_person", "this person does not handle threads; choose somebody else")
	}
	as := *a
	as.Person, as.Channels, as.Name = p.ID, p.Channels, p.Name+" ("+a.Name+")"
	return as, nil
}

func (s *Surface) assign(ctx context.Context, a *desk.Actor, in *assignIn) (*answer[Thread], error) {
	var to desk.PersonID
	if err := to.UnmarshalText([]byte(in.Body.To)); err != nil {
		return nil, err
	}
	return s.act(ctx, a, &in.Act, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Assign(ctx, a, id, v, to)
	})
}

func (s *Surface) call(ctx context.Context, a *desk.Actor, in *callIn) (*answer[Thread], error) {
	again, err := when(in.Body.Again, "again")
	if err != nil {
		return nil, err
	}
	c := handling.Call{Outcome: desk.Outcome(in.Body.Outcome), Note: in.Body.Note, Again: again, Close: in.Body.Close, Reason: in.Body.Reason}
	return s.act(ctx, a, &in.Act, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Call(ctx, a, id, v, c)
	})
}

func (s *Surface) snooze(ctx context.Context, a *desk.Actor, in *snoozeIn) (*answer[Thread], error) {
	until, err := when(in.Body.Until, "until")
	if err != nil {
		return nil, err
	}
	return s.act(ctx, a, &in.Act, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Snooze(ctx, a, id, v, until)
	})
}

func (s *Surface) close(ctx context.Context, a *desk.Actor, in *closeIn) (*answer[Thread], error) {
	return s.act(ctx, a, &in.Act, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Close(ctx, a, id, v, in.Body.Reason)
	})
}

// undo takes no version: it has a stricter rule of its own.
func (s *Surface) undo(ctx context.Context, a *desk.Actor, in *undoIn) (*answer[Thread], error) {
	return s.act(ctx, a, &Act{ThreadPath: in.ThreadPath, For: in.For}, func(ctx context.Context, a desk.Actor, id desk.ID, _ int64) (desk.Thread, error) {
		return s.Desk.Undo(ctx, a, id)
	})
}

func (s *Surface) addNote(ctx context.Context, a *desk.Actor, in *noteIn) (*nothing, error) {
	id, err := threadID(in.Thread)
	if err != nil {
		return nil, err
	}
	as, err := s.instead(ctx, a, in.For)
	if err != nil {
		return nil, err
	}
	return &nothing{}, s.Desk.Note(ctx, as, id, in.Body.Note)
}
