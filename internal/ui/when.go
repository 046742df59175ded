package ui

import (
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// stamp is a moment as a page shows it.
type stamp struct {
	ISO  string
	Text string
	Full string
	Ago  bool // Text is an age, which a script keeps up to date
}

// due is when somebody should have acted, as words and as a bar of 20 steps.
type due struct {
	ISO, From string
	Text      string
	Class     string // "", soon or late
	Step      int
}

// at is a moment in the reader's time: the time alone when it is today.
func (v *visit) at(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	local, now := t.In(v.zone), v.now.In(v.zone)
	layout := v.lang.say("when.date")
	switch {
	case local.Format(time.DateOnly) == now.Format(time.DateOnly):
		layout = "15:04"
	case local.Year() == now.Year():
		layout = v.lang.say("when.day")
	}
	return stamp{ISO: t.UTC().Format(time.RFC3339), Text: local.Format(layout), Full: local.Format("2006-01-02 15:04:05 MST")}
}

// age is a moment as how long it is ago.
func (v *visit) age(t time.Time) stamp {
	s := v.at(t)
	s.Text, s.Ago = v.span(v.now.Sub(t)), true
	return s
}

// span is a time that has passed, in its largest unit, rounded down.
func (v *visit) span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return v.lang.say("ago.now")
	case d < time.Hour:
		return v.lang.say("ago.min", int(d/time.Minute))
	case d < 24*time.Hour:
		return v.lang.say("ago.h", int(d/time.Hour))
	}
	return v.lang.say("ago.d", int(d/(24*time.Hour)))
}

// dueOf is what a thread waits for: to be back, or to be called.
func (v *visit) dueOf(th *desk.Thread) due {
	switch {
	case th.State == desk.Closed:
		return due{}
	case th.State == desk.Waiting && !th.WakeAt.IsZero():
		return due{Text: v.lang.say("due.back", ours(v.at(th.WakeAt).Text))}
	case th.DueAt.IsZero():
		return due{}
	}
	left := th.DueAt.Sub(v.now)
	whole := max(th.DueAt.Sub(th.FirstAt), time.Second)
	d := due{
		ISO: th.DueAt.UTC().Format(time.RFC3339), From: th.FirstAt.UTC().Format(time.RFC3339),
		Step: int(min(max(20*(whole-left)/whole, 0), 20)),
	}
	switch {
	case left < 0:
		d.Class, d.Text = "late", v.lang.say("due.late", ours(v.span(-left)))
	case left < max(whole/4, 15*time.Minute):
		d.Class, d.Text = "soon", v.lang.say("due.in", ours(v.span(left)))
	default:
		d.Text = v.lang.say("due.in", ours(v.span(left)))
	}
	return d
}

// moment reads the value of a datetime-local field in the reader's zone.
func (v *visit) moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", s, v.zone)
	if err != nil {
		return t, desk.Errorf(desk.Invalid, "when", "a time looks like 2026-11-23T15:30")
	}
	return t.UTC(), nil
}

// later reads how long a thread is to wait: hours from now, or a morning.
func (v *visit) later(s string) (time.Time, error) {
	local := v.now.In(v.zone)
	morning := func(days int) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+days, 9, 0, 0, 0, v.zone).UTC()
	}
	switch s {
	case "1h":
		return v.now.Add(time.Hour), nil
	case "3h":
		return v.now.Add(3 * time.Hour), nil
	case "tomorrow":
		return morning(1), nil
	case "monday":
		return morning((7+int(time.Monday)-int(local.Weekday()))%7 + 7*b2i(local.Weekday() == time.Monday)), nil
	case "week":
		return morning(7), nil
	}
	return time.Time{}, desk.Errorf(desk.Invalid, "until", "say until when: in an hour, in three, tomorrow, on Monday or in a week")
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func snoozes() []string { return []string{"1h", "3h", "tomorrow", "monday", "week"} }
