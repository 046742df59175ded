package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/openapi"
)

// Act names a thread, the version that was seen and for whom it is done; it is
// exported for the library, which reads fields.
type Act struct {
	ThreadPath
	Match string `header:"If-Match" maxLength:"30" doc:"The ETag that was seen; another version is 412. Without it, whatever there is is changed"`
	Acting
}

// Acting is for whom something is done, and under which key it is done once. It is
// exported for the library, too.
type Acting struct {
	For string `header:"For-Person" pattern:"^[0-9]{1,19}$" doc:"Do it for this person: what is claimed is hers. Takes the scope threads.assign as well"`
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"1 to 255 visible ASCII characters. What was done under it is not done again for a day; the answer is then the thread as it is, with Idempotency-Replayed. With other values it is 409"`
}

// acted is a thread that something was done to.
type acted struct {
	ETag     string `header:"ETag" doc:"The version, for If-Match"`
	Replayed string `header:"Idempotency-Replayed" doc:"true when it had been done under this Idempotency-Key: this is the thread as it is now"`
	Body     Thread
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
		Acting
	}
	noteIn struct {
		ThreadPath
		Acting
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

func (s *Surface) handling() {
	act := func(id, verb, title, text, body string) openapi.Operation {
		return openapi.Operation{
			ID: id, Method: http.MethodPost, Path: "/threads/{thread}/" + verb, May: desk.ThreadsHandle, Group: "Handling",
			Title: title, Text: text, Example: openapi.Example{Path: "/threads/{thread}/" + verb, Body: body},
		}
	}
	claim := act("claim-thread", "claim", "Claim a thread for a person", "A claim lasts five minutes; claiming again renews it. Only a person can hold one, so name her in `For-Person`.", "")
	claim.Example.Header = map[string]string{"For-Person": "{person}", "If-Match": "*"}
	openapi.Add(s.Door, claim, func(ctx context.Context, a *desk.Actor, in *actIn) (*acted, error) {
		return s.act(ctx, a, &in.Act, in, s.Desk.Claim)
	})
	openapi.Add(s.Door, act("release-thread", "release", "Give a thread back to everybody", "", ""), func(ctx context.Context, a *desk.Actor, in *actIn) (*acted, error) {
		return s.act(ctx, a, &in.Act, in, s.Desk.Release)
	})
	assign := act("assign-thread", "assign", "Give a thread to a person", "She keeps it until she gives it back.", `{"to":"{person}"}`)
	assign.May = desk.ThreadsAssign
	openapi.Add(s.Door, assign, s.assign)
	openapi.Add(s.Door, act("call-thread", "call", "Note a call", "What follows from the outcome is done in the same step: `no_answer`, `busy` and `voicemail` put the thread off.",
		`{"outcome":"no_answer","note":"rang for a minute"}`), s.call)
	openapi.Add(s.Door, act("snooze-thread", "snooze", "Put a thread off", "", `{"until":"{tomorrow}"}`), s.snooze)
	openapi.Add(s.Door, act("close-thread", "close", "Close a thread", "Closing a closed one changes nothing.", `{"reason":"refund sent"}`), s.close)
	openapi.Add(s.Door, act("reopen-thread", "reopen", "Open a closed thread again", "", ""), func(ctx context.Context, a *desk.Actor, in *actIn) (*acted, error) {
		return s.act(ctx, a, &in.Act, in, s.Desk.Reopen)
	})
	openapi.Add(s.Door, act("undo-thread", "undo", "Take back this key's last change", "Within five minutes, when nobody changed the thread since.", ""), s.undo)
	note := act("note-thread", "notes", "Add a note", "It changes nothing else, so it needs no version.", `{"note":"called from the shop as well"}`)
	note.Status = http.StatusNoContent
	openapi.Add(s.Door, note, s.addNote)
}

// act does one thing to one thread, and answers with what it has become. in is all
// that was asked.
func (s *Surface) act(ctx context.Context, a *desk.Actor, in *Act, all any,
	do func(context.Context, desk.Actor, desk.ID, int64) (desk.Thread, error),
) (*acted, error) {
	id, err := threadID(in.Thread)
	if err != nil {
		return nil, err
	}
	v, err := openapi.Version(in.Match)
	if err != nil {
		return nil, err
	}
	as, err := s.instead(ctx, a, in.For)
	if err != nil {
		return nil, err
	}
	if as.Once, err = openapi.Once(ctx, a, all); err != nil {
		return nil, err
	}
	th, again, err := s.doOnce(ctx, as, func(as desk.Actor) (desk.Thread, error) { return do(ctx, as, id, v) })
	var e *desk.Error
	if v != 0 && errors.As(err, &e) && e.Code == "thread_changed" {
		err = openapi.ErrStale
	}
	if err != nil {
		return nil, err
	}
	if s.show(ctx, a, "thread:"+id.String()) != nil {
		a = masked(a) // it is done, and the answer must say so; but not more than is written down
	}
	return &acted{ETag: openapi.ETag(th.Version), Replayed: truth(again), Body: threadOf(a, &th)}, nil
}

// truth is a header that is there, or not.
func truth(is bool) string {
	if is {
		return "true"
	}
	return ""
}

// doOnce does one thing to a thread, or finds that it was done under the same
// Idempotency-Key before: then again is true and the thread is as it is now.
func (s *Surface) doOnce(ctx context.Context, as desk.Actor, do func(desk.Actor) (desk.Thread, error)) (th desk.Thread, again bool, err error) {
	for range 2 {
		if as.Once != nil {
			if th, again, err = s.Desk.Again(ctx, as); again || err != nil {
				return th, again, err
			}
		}
		th, err = do(as)
		var e *desk.Error
		if !errors.As(err, &e) || e.Code != desk.SeenCode {
			return th, false, err
		}
	}
	return th, false, err
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

func (s *Surface) assign(ctx context.Context, a *desk.Actor, in *assignIn) (*acted, error) {
	var to desk.PersonID
	if err := to.UnmarshalText([]byte(in.Body.To)); err != nil {
		return nil, err
	}
	return s.act(ctx, a, &in.Act, in, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Assign(ctx, a, id, v, to)
	})
}

func (s *Surface) call(ctx context.Context, a *desk.Actor, in *callIn) (*acted, error) {
	again, err := when(in.Body.Again, "again")
	if err != nil {
		return nil, err
	}
	c := handling.Call{Outcome: desk.Outcome(in.Body.Outcome), Note: in.Body.Note, Again: again, Close: in.Body.Close, Reason: in.Body.Reason}
	return s.act(ctx, a, &in.Act, in, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Call(ctx, a, id, v, c)
	})
}

func (s *Surface) snooze(ctx context.Context, a *desk.Actor, in *snoozeIn) (*acted, error) {
	until, err := when(in.Body.Until, "until")
	if err != nil {
		return nil, err
	}
	return s.act(ctx, a, &in.Act, in, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Snooze(ctx, a, id, v, until)
	})
}

func (s *Surface) close(ctx context.Context, a *desk.Actor, in *closeIn) (*acted, error) {
	return s.act(ctx, a, &in.Act, in, func(ctx context.Context, a desk.Actor, id desk.ID, v int64) (desk.Thread, error) {
		return s.Desk.Close(ctx, a, id, v, in.Body.Reason)
	})
}

// undo takes no version: it has a stricter rule of its own.
func (s *Surface) undo(ctx context.Context, a *desk.Actor, in *undoIn) (*acted, error) {
	return s.act(ctx, a, &Act{ThreadPath: in.ThreadPath, Acting: in.Acting}, in, func(ctx context.Context, a desk.Actor, id desk.ID, _ int64) (desk.Thread, error) {
		return s.Desk.Undo(ctx, a, id)
	})
}

// noted is the answer to a note, which has nothing to say.
type noted struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true when the note had been added under this Idempotency-Key"`
}

func (s *Surface) addNote(ctx context.Context, a *desk.Actor, in *noteIn) (*noted, error) {
	id, err := threadID(in.Thread)
	if err != nil {
		return nil, err
	}
	as, err := s.instead(ctx, a, in.For)
	if err != nil {
		return nil, err
	}
	if as.Once, err = openapi.Once(ctx, a, in); err != nil {
		return nil, err
	}
	_, again, err := s.doOnce(ctx, as, func(as desk.Actor) (th desk.Thread, err error) { return th, s.Desk.Note(ctx, as, id, in.Body.Note) })
	return &noted{truth(again)}, err
}
