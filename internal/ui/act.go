package ui

import (
	"errors"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// act does something with the thread that the form is about, and shows what has
// become of it. A refusal shows the thread as it is now, the sentence, and what
// was typed. Without scripts, what was done is followed by a redirect, so that a
// reload repeats nothing.
func (v *visit) act(did string, do func(id desk.ID) error) error {
	id, err := v.threadID()
	if err != nil {
		return err
	}
	if err := v.Form(); err != nil {
		return err
	}
	a := answer{did: did, shown: v.wasShown(id, v.R.PostFormValue("shown"))}
	if err := do(id); err != nil {
		var e *desk.Error
		if !errors.As(err, &e) || e.Kind != desk.Conflict && e.Kind != desk.Invalid && e.Kind != desk.Forbidden {
			return err
		}
		a.did, a.problem, a.draft, a.lost = "", v.lang.problem(e), v.R.PostFormValue("text"), e.Code == "claimed_by"
		return v.showThread(status(e.Kind), id, a)
	}
	if _, part := v.fragment(); part {
		return v.showThread(http.StatusOK, id, a)
	}
	_, values, _ := v.filter()
	if did != "" {
		values.Set("did", did)
	}
	if a.shown || did == "reveal" {
		values.Set("shown", v.showing(id))
	}
	v.Go("/thread/" + id.String() + "?" + values.Encode())
	return nil
}

func (v *visit) text() string { return v.R.PostFormValue("text") }

func (v *visit) claim() error {
	return v.act("claim", func(id desk.ID) error {
		_, err := v.ui.Desk.Claim(v.R.Context(), v.actor, id, v.version())
		return err
	})
}

// keep says that she is still at it. Nothing is shown.
func (v *visit) keep() error {
	id, err := v.threadID()
	if err != nil {
		return err
	}
	if _, err := v.ui.Desk.Keep(v.R.Context(), v.actor, id); err != nil {
		return err
	}
	v.W.WriteHeader(http.StatusNoContent)
	return nil
}

func (v *visit) release() error {
	return v.act("release", func(id desk.ID) error {
		_, err := v.ui.Desk.Release(v.R.Context(), v.actor, id, v.version())
		return err
	})
}

func (v *visit) assign() error {
	return v.act("assign", func(id desk.ID) error {
		var to desk.PersonID
		if err := to.UnmarshalText([]byte(v.R.PostFormValue("to"))); err != nil {
			return err
		}
		_, err := v.ui.Desk.Assign(v.R.Context(), v.actor, id, v.version(), to)
		return err
	})
}

func (v *visit) call() error {
	return v.act("call", func(id desk.ID) error {
		c := handling.Call{Outcome: desk.Outcome(v.R.PostFormValue("outcome")), Note: v.text()}
		if c.Outcome == desk.CallAgain {
			again, err := v.moment(v.R.PostFormValue("again"))
			if err != nil {
				return err
			}
			c.Again = again
		}
		_, err := v.ui.Desk.Call(v.R.Context(), v.actor, id, v.version(), c)
		return err
	})
}

func (v *visit) note() error {
	return v.act("note", func(id desk.ID) error {
		return v.ui.Desk.Note(v.R.Context(), v.actor, id, v.text())
	})
}

func (v *visit) snooze() error {
	return v.act("snooze", func(id desk.ID) error {
		until, err := v.later(v.R.PostFormValue("until"))
		if err != nil {
			return err
		}
		_, err = v.ui.Desk.Snooze(v.R.Context(), v.actor, id, v.version(), until)
		return err
	})
}

func (v *visit) close() error {
	return v.act("close", func(id desk.ID) error {
		_, err := v.ui.Desk.Close(v.R.Context(), v.actor, id, v.version(), v.text())
		return err
	})
}

func (v *visit) reopen() error {
	return v.act("reopen", func(id desk.ID) error {
		_, err := v.ui.Desk.Reopen(v.R.Context(), v.actor, id, v.version())
		return err
	})
}

func (v *visit) undo() error {
	return v.act("undo", func(id desk.ID) error {
		_, err := v.ui.Desk.Undo(v.R.Context(), v.actor, id)
		return err
	})
}

// reveal shows a masked number, and writes down that it did. Without the row in
// the audit log there is no number.
func (v *visit) reveal() error {
	id, err := v.threadID()
	if err != nil {
		return err
	}
	if err := v.Form(); err != nil {
		return err
	}
	if _, err := v.ui.Desk.Open(v.R.Context(), v.actor, id); err != nil {
		return err
	}
	if _, err := v.ui.Audit.Audit(v.R.Context(), v.deed(desk.NumberShown, "thread:"+id.String())); err != nil {
		return err
	}
	if _, part := v.fragment(); part {
		return v.showThread(http.StatusOK, id, answer{shown: true})
	}
	_, values, _ := v.filter()
	values.Set("shown", v.showing(id))
	v.Go("/thread/" + id.String() + "?" + values.Encode())
	return nil
}

func (v *visit) deed(action, object string) desk.Deed {
	d := v.actor.Deed(action, object)
	d.At = v.now
	return d
}
