package desk

import (
	"slices"
	"time"
)

// View names a list of threads.
type View string

// The views. All but the last show open threads only.
const (
	ViewMine      View = "mine"
	ViewUnclaimed View = "unclaimed"
	ViewAssigned  View = "assigned" // somebody's, who is not at it
	ViewWorking   View = "working"  // somebody is at it
	ViewDue       View = "due"      // to be called or woken within the hour
	ViewWaiting   View = "waiting"  // until their time comes
	ViewOverdue   View = "overdue"  // somebody should have called
	ViewAll       View = "all"
	ViewClosed    View = "closed"
)

// Views lists them as a page does. Every state that a thread can be in is one of
// them: what is new is unclaimed.
func Views() []View {
	return []View{ViewMine, ViewUnclaimed, ViewAssigned, ViewWorking, ViewDue, ViewWaiting, ViewOverdue, ViewAll, ViewClosed}
}

// ParseView reads a view's name.
func ParseView(s string) (View, error) {
	if v := View(s); slices.Contains(Views(), v) {
		return v, nil
	}
	return "", Errorf(Invalid, "view", "a view is one of mine, unclaimed, assigned, working, due, waiting, overdue, all, closed")
}

// Order is how a list of threads is ordered.
type Order string

// The orders.
const (
	OrderUrgent Order = "urgent" // what is due first, then the oldest
	OrderNewest Order = "newest" // by the newest message
	OrderWaking Order = "waking" // what is back first
	OrderClosed Order = "closed" // what was closed last
)

// Orders are those that a view can have; the first is its own. The others exist
// only where there is an index for them.
func (v View) Orders() []Order {
	switch v {
	case ViewUnclaimed, ViewAll:
		return []Order{OrderNewest, OrderUrgent}
	case ViewMine, ViewAssigned, ViewWorking:
		return []Order{OrderUrgent, OrderNewest}
	case ViewWaiting:
		return []Order{OrderWaking}
	case ViewClosed:
		return []Order{OrderClosed}
	}
	return []Order{OrderUrgent}
}

// Listing is a view as the store is asked for it.
type Listing struct {
	View     View
	Order    Order
	Owner    PersonID    // only hers; 0: anybody's. With ViewMine, who is asking
	Channels []ChannelID // only these; none: all
	Outcome  Outcome     // of the last call; "": any
	Since    time.Time   // only those with a message since then; with ViewClosed, closed since then
	Now      time.Time   // what is overdue is so by then
	Until    time.Time   // with ViewDue: what is due by then
	After    Place       // only what comes after it; zero: from the beginning
	Limit    int         // threads a page
}

// Place is where a list was left.
type Place struct {
	Key int64 // what it is ordered by
	ID  ID
}

// Place is where the thread stands in a list of that order.
func (o Order) Place(th *Thread) Place {
	switch o {
	case OrderNewest:
		return Place{stamp(th.LastAt), th.ID}
	case OrderWaking:
		return Place{stamp(th.WakeAt), th.ID}
	case OrderClosed:
		return Place{stamp(th.ClosedAt), th.ID}
	}
	return Place{th.Urgency(), th.ID}
}

// Tally counts the open threads of one channel that have the same owner.
type Tally struct {
	Channel ChannelID
	Owner   PersonID // 0: nobody's

	All, Unclaimed, Assigned, Working, Due, Waiting, Overdue int
}

// Load is how much a person has to do.
type Load struct {
	Person PersonID
	Open   int
	Newest ID // of her open threads
}

// Change is a change of one thread, with its event. It happens only if the
// thread's version is still Thread.Version and its claim still ends at Held.
type Change struct {
	Thread Thread // as it shall be, with the version that it was read with
	Held   time.Time
	Event  Event
}

// Timer is one of the times in a thread.
type Timer string

// The timers, by the column that each is.
const (
	TimerClaim Timer = "claim_until"
	TimerWake  Timer = "wake_at"
	TimerDue   Timer = "due_at"
)

// Timers lists them.
func Timers() []Timer { return []Timer{TimerClaim, TimerWake, TimerDue} }
