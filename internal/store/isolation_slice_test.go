package store_test

import (
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// A slice is about several tenants. What is undone to a savepoint undoes on
// PostgreSQL whose transaction it is, too; the store must not believe otherwise.
func TestASliceKnowsWhoseItIsAfterWhatItTriedIsUndone(t *testing.T) {
	w := newWorld()
	s := newClusters(t, w, both).stores[both]
	ctx := t.Context()
	for _, order := range [][]*twin{{w.twins[0], w.twins[1]}, {w.twins[1], w.twins[0]}} {
		id := desk.ID(1)
		err := s.Slice(ctx, []desk.TenantID{1, 2}, func(sl *store.Slice) error {
			for _, tw := range order {
				taken := w.text(tw, w.ids[0], "9", sharedChannel) // it is there already
				err := sl.Try(ctx, func() error { return sl.Insert(ctx, tw.id, []desk.Message{taken}) })
				if desk.KindOf(err) != desk.Conflict {
					t.Errorf("a message that is there is stored again: %v", err)
				}
				id++
				if err := sl.SetAside(ctx, tw.id, row(w.text(tw, id<<20|desk.ID(order[0].id), "9", sharedChannel)), "because"); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("a message that cannot be placed holds up the slice: %v", err)
		}
	}
}
