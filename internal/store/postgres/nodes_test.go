package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

func TestNoTwoNodesHaveTheSameNumber(t *testing.T) {
	open := opener(cluster.Shared(t), nil)
	one, two := open(t, "a"), open(t, "a")
	ctx := t.Context()
	const many = 24 // more than a transaction is tried again: a whole fleet that starts
	taken := make(chan store.Node, many)
	for i := range many {
		s := one
		if i%2 == 1 {
			s = two
		}
		go func() {
			n, err := s.Join(ctx, store.Node{Holder: string(rune('a' + i)), Clock: time.Now()}, time.Hour)
			if err != nil {
				t.Error(err)
			}
			taken <- n
		}()
	}
	held := map[int]store.Node{}
	for range many {
		n := <-taken
		if other, twice := held[n.Number]; twice {
			t.Fatalf("%s and %s both have the number %d", other.Holder, n.Holder, n.Number)
		}
		held[n.Number] = n
	}
	if err := one.Leave(ctx, held[3]); err != nil {
		t.Fatal(err)
	}
	again, err := two.Join(ctx, store.Node{Holder: "late"}, time.Microsecond)
	if err != nil || again.Number != 3 {
		t.Fatalf("the number that is free is 3, got %d, %v", again.Number, err)
	}
	// Its time is over: the next one takes it, and the first is told.
	if next, err := two.Join(ctx, store.Node{Holder: "next"}, time.Hour); err != nil || next.Number != 3 {
		t.Fatalf("number %d, %v", next.Number, err)
	}
	if err := one.Stay(ctx, again, time.Hour); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("a number that somebody else has is held on to: %v", err)
	}
	if err := one.Stay(ctx, held[5], time.Hour); err != nil {
		t.Fatal(err)
	}
	all, now, err := one.Nodes(ctx)
	if err != nil || len(all) != many || time.Since(now).Abs() > time.Minute {
		t.Fatalf("%d nodes at %v, %v", len(all), now, err)
	}
}

// What one node does reaches the others within half a second.
func TestOtherNodesAreToldOfNewEvents(t *testing.T) {
	server := cluster.Shared(t)
	db := server.Database(t)
	o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4, Listen: true}
	here, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	woken := make(chan time.Time, 100)
	ended, ran := make(chan error, 1), make(chan error, 1)
	go func() { ended <- postgres.Listen(ctx, o, func() { woken <- time.Now() }) }()
	go func() { ran <- here.Run(ctx) }()
	<-woken // it listens
	for range 5 {
		began := time.Now()
		err := here.Slice(ctx, nil, func(sl *store.Slice) error {
			return sl.Append(ctx, desk.DefaultTenant, []desk.Event{{Thread: 1, Kind: desk.MessageLeft, At: began, Data: []byte("{}")}})
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case at := <-woken:
			if late := at.Sub(began); late > 500*time.Millisecond {
				t.Errorf("told after %v", late)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nobody was told")
		}
	}
	stop()
	<-ended
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if err := here.Close(); err != nil {
		t.Error(err)
	}
}

func TestADatabaseThatDoesNotFlushIsRefused(t *testing.T) {
	for setting, says := range map[string]string{"fsync": "fsync=off", "full_page_writes": "full_page_writes=off"} {
		db := cluster.Start(t, cluster.Options{Settings: map[string]string{setting: "off"}}).Database(t)
		_, err := postgres.Open(t.Context(), postgres.Options{URL: db.App, MigrateURL: db.Owner})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s=off: %v", setting, err)
		}
	}
}
