package store

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Node is a server and the number that it holds for a while. All times but Clock
// are the database's.
type Node struct {
	Number    int
	Holder    string // a name that no other process has; "" when the number was given back
	StartedAt time.Time
	SeenAt    time.Time
	Until     time.Time // when the number is free again, unless it is held on to
	Clock     time.Time // the node's own clock when it was seen
	Version   string
	Address   string
}

// Live says whether the node still held its number at that moment of the
// database's clock.
func (n Node) Live(now time.Time) bool { return n.Holder != "" && n.Until.After(now) }

// Join takes the smallest number that nobody holds, for so long. It is Busy when
// all of them are held.
func (s *Store) Join(ctx context.Context, n Node, d time.Duration) (Node, error) {
	for range desk.MaxNode + 1 { // whoever was first has taken one: the next round is another number's
		all, now, err := s.Nodes(ctx)
		if err != nil {
			return n, err
		}
		n.Number = 0
		for _, other := range all {
			if other.Number > n.Number || !other.Live(now) {
				break
			}
			n.Number++
		}
		if n.Number > desk.MaxNode {
			break
		}
		err = s.change(ctx, func(t *tx) error {
			held, err := t.run(ctx, `INSERT INTO node (number, holder, until, started_at, seen_at, clock, version, address)
				VALUES ($1, $2, `+s.traits.Clock+` + $3, `+s.traits.Clock+`, `+s.traits.Clock+`, $4, $5, $6)
				ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, until = excluded.until, started_at = excluded.started_at,
				seen_at = excluded.seen_at, clock = excluded.clock, version = excluded.version, address = excluded.address
				WHERE node.holder = '' OR node.until <= `+s.traits.Clock,
				n.Number, n.Holder, d.Microseconds(), micros(n.Clock), n.Version, n.Address)
			if err == nil && held == 0 {
				err = desk.Errorf(desk.Conflict, "number_taken", "another node took the number %d first", n.Number)
			}
			return err
		})
		if desk.KindOf(err) != desk.Conflict {
			return n, err
		}
	}
	return n, desk.Errorf(desk.Busy, "nodes", "all %d node numbers are held; stop some nodes, or wait a minute for dead ones", desk.MaxNode+1)
}

// Stay holds on to a number for so long from now. Conflict when somebody else
// has it by now.
func (s *Store) Stay(ctx context.Context, n Node, d time.Duration) error {
	return s.change(ctx, func(t *tx) error {
		held, err := t.run(ctx, `UPDATE node SET until = `+s.traits.Clock+` + $3, seen_at = `+s.traits.Clock+`, clock = $4
			WHERE number = $1 AND holder = $2`, n.Number, n.Holder, d.Microseconds(), micros(n.Clock))
		if err == nil && held == 0 {
			err = desk.Errorf(desk.Conflict, "number_taken", "another node has the number %d by now", n.Number)
		}
		return err
	})
}

// Leave gives a number back.
func (s *Store) Leave(ctx context.Context, n Node) error {
	return s.change(ctx, func(t *tx) error {
		_, err := t.run(ctx, `UPDATE node SET holder = '' WHERE number = $1 AND holder = $2`, n.Number, n.Holder)
		return err
	})
}

// Nodes lists the servers by their numbers, with the database's time.
func (s *Store) Nodes(ctx context.Context) (all []Node, now time.Time, err error) {
	if s.traits.Buckets == 1 {
		return nil, time.Time{}, nil // one server a folder, which a lock on the folder sees to
	}
	found, err := s.ask(ctx, `SELECT number, holder, started_at, seen_at, until, clock, version, address, `+s.traits.Clock+` FROM node
		UNION ALL SELECT -1, '', 0, 0, 0, 0, '', '', `+s.traits.Clock+` ORDER BY 1`)
	all, err = collect(found, err, func(sc scanner) (n Node, err error) {
		var started, seen, until, clock, at int64
		err = sc.Scan(&n.Number, &n.Holder, &started, &seen, &until, &clock, &n.Version, &n.Address, &at)
		n.StartedAt, n.SeenAt, n.Until, n.Clock = moment(started), moment(seen), moment(until), moment(clock)
		now = moment(at)
		return n, err
	})
	if err != nil {
		return nil, now, err
	}
	return all[1:], now, nil
}
