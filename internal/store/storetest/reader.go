package storetest

import (
	list "slices" // the name is taken
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func leases(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	try := func(holder string, now time.Time) error {
		_, err := s.Store.Hold(s.ctx, desk.Lease{Tenant: desk.DefaultTenant, Reader: "r", Holder: holder, Until: now.Add(10 * time.Second)}, now)
		return err
	}
	for i, step := range []struct {
		holder string
		after  time.Duration
		taken  bool
	}{
		{"a", 0, true},
		{"b", time.Second, false},
		{"a", 5 * time.Second, true},
		{"b", 14 * time.Second, false},
		{"b", 15 * time.Second, true},
		{"a", 16 * time.Second, false},
	} {
		err := try(step.holder, now.Add(step.after))
		if (err == nil) != step.taken || err != nil && desk.KindOf(err) != desk.Conflict {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := s.LetGo(s.ctx, desk.Lease{Tenant: desk.DefaultTenant, Reader: "r", Holder: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := try("a", now.Add(17*time.Second)); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("a stranger gave the lease back: %v", err)
	}
	if err := s.LetGo(s.ctx, desk.Lease{Tenant: desk.DefaultTenant, Reader: "r", Holder: "b"}); err != nil {
		t.Fatal(err)
	}
	if err := try("a", now.Add(18*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func advances(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	now := time.Now()
	l, err := s.Store.Hold(s.ctx, desk.Lease{Tenant: desk.DefaultTenant, Reader: "r", Holder: "a", Until: now.Add(time.Second)}, now)
	if err != nil || l.Seq != 0 {
		t.Fatal(l, err)
	}
	if err := s.Advance(s.ctx, l, 5); err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(s.ctx, l, 6); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("from where the cursor is not: %v", err)
	}
	l.Seq = 5
	if _, err := s.Store.Hold(s.ctx, desk.Lease{Tenant: desk.DefaultTenant, Reader: "r", Holder: "b", Until: now.Add(time.Hour)}, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(s.ctx, l, 6); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("without the lease: %v", err)
	}
}

func logRead(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	other := s.tenant("other")
	for i := range 7 {
		s.leave(s.message(number11(i), "one"))
	}
	s.sort()
	heads, err := s.Heads(s.ctx)
	if err != nil || heads[desk.DefaultTenant] != 7 || heads[other] != 0 {
		t.Fatal(heads, err)
	}
	var seen []int64
	for after := int64(0); ; {
		e, err := s.Events(s.ctx, desk.DefaultTenant, after, 3)
		if err != nil || len(e.Damaged) > 0 {
			t.Fatal(err)
		}
		for i := range e.Events {
			seen = append(seen, e.Events[i].Seq)
		}
		if e.Last == 0 {
			break
		}
		after = e.Last
	}
	if !list.Equal(seen, []int64{1, 2, 3, 4, 5, 6, 7}) {
		t.Fatal(seen)
	}
	if e, err := s.Events(s.ctx, other, 0, 10); err != nil || e.Last != 0 {
		t.Fatal(e, err)
	}
}
