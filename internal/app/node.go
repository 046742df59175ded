package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/intake"
	"github.com/afterbeep/afterbeep/internal/store"
)

// A node's number is a part of every ID that it makes, so no two may have the
// same. It is held for a while at a time; a node that cannot hold on to it stops
// making IDs before anybody else may take it.
const (
	leaseFor   = 60 * time.Second
	renewEvery = 5 * time.Second
	leaseSlack = 20 * time.Second // before its end, the number is as good as gone
)

// node is this process among the others.
type node struct {
	store.Node
	st     *store.Store
	log    *slog.Logger
	intake *intake.Intake
	held   atomic.Pointer[time.Time] // until then, by our own clock, which runs on while the database is away
}

// hold notes that the number was asked for at that moment, and given.
func (n *node) hold(asked time.Time) {
	until := asked.Add(leaseFor - leaseSlack)
	n.held.Store(&until)
}

// allowed says whether IDs may be made.
func (n *node) allowed() error {
	if until := n.held.Load(); until == nil || time.Now().Before(*until) {
		return nil
	}
	return &desk.Error{
		Kind: desk.Unstored, Code: "no_number", RetryAfter: time.Second,
		Text: "this node lost touch with the database; try again in a moment",
	}
}

func newNode(s config.Settings, st *store.Store, version string, log *slog.Logger) *node {
	return &node{st: st, log: log, Node: store.Node{Holder: rand.Text(), Version: version, Address: s.Listen}}
}

// join takes a number where there may be other nodes.
func (n *node) join(ctx context.Context, shared bool) error {
	if !shared {
		return nil
	}
	if err := sameTime(ctx, n.st); err != nil {
		return err
	}
	if err := n.take(ctx); err != nil {
		return err
	}
	n.log.Info("node", "number", n.Number)
	return nil
}

// mostSkew is how far a node's clock may be from the database's: what tokens
// allow. A clock that is further behind would take the other nodes' keys for
// ones from the future, and void them.
const mostSkew = 30 * time.Second

func sameTime(ctx context.Context, st *store.Store) error {
	asked := time.Now()
	_, now, err := st.Nodes(ctx)
	if err != nil {
		return err
	}
	if skew := asked.Sub(now); skew.Abs()-time.Since(asked) > mostSkew {
		return desk.Errorf(desk.Unstored, "clock", "this machine's clock and the database's are %s apart; set both (NTP) and start again", skew.Abs().Round(time.Second))
	}
	return nil
}

func (n *node) take(ctx context.Context) (err error) {
	asked := time.Now()
	n.Clock = asked
	if n.Node, err = n.st.Join(ctx, n.Node, leaseFor); err == nil {
		n.hold(asked)
		n.st.Settle(n.Number)
	}
	return err
}

// Run holds on to the number until ctx ends.
func (n *node) Run(ctx context.Context) error {
	if n.held.Load() == nil {
		return nil // one server a folder: nobody else makes IDs
	}
	n.share(ctx)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			n.renew(ctx)
		}
	}
}

func (n *node) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	asked := time.Now()
	n.Clock = asked
	err := n.st.Stay(ctx, n.Node, leaseFor)
	if err == nil {
		n.hold(asked)
		n.share(ctx)
		return
	}
	if desk.KindOf(err) == desk.Conflict { // we were away for too long
		n.held.Store(new(time.Time))
		err = n.again(ctx)
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("the node's number could not be held on to", "number", n.Number, "error", err.Error())
	}
}

// share counts the nodes, whose flushes share the database. Not to know is no
// harm: then it stays as it was.
func (n *node) share(ctx context.Context) {
	all, now, err := n.st.Nodes(ctx)
	if err != nil {
		return
	}
	live := 0
	for _, other := range all {
		if other.Live(now) {
			live++
		}
	}
	n.intake.Share(live)
}

// again takes another number and makes IDs with it.
func (n *node) again(ctx context.Context) error {
	other := &node{Node: n.Node, st: n.st}
	if err := other.take(ctx); err != nil {
		return err
	}
	last, err := n.st.LastID(ctx)
	if err != nil {
		return err
	}
	n.Node = other.Node
	n.intake.Number(desk.NewSequence(n.Number, last, time.Now))
	n.held.Store(other.held.Load())
	n.log.Info("the node has a new number", "number", n.Number)
	return nil
}

// leave gives the number back.
func (n *node) leave(ctx context.Context) {
	if n.held.Load() == nil {
		return
	}
	if err := n.st.Leave(ctx, n.Node); err != nil {
		n.log.Warn("the node's number stays held until its time is over", "number", n.Number, "error", err.Error())
	}
}
