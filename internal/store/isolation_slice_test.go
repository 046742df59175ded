package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
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

// Each twin has fewer closed threads than a statement looks ahead, and both
// together have more: only who counts the other's finds something there.
func TestLookingAheadAmongClosedThreadsCountsOnesOwn(t *testing.T) {
	w := newWorld()
	l := newFiles(t, w)
	db := l.direct(t, filepath.Join(l.folder, both, sqlite.File))
	for _, tw := range w.twins {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000)
			INSERT INTO thread (tenant_id, id, channel_id, caller, caller_key, state, messages, first_at, last_at, closed_at, reason, previous_id, version)
			SELECT %d, n, 1, '', n, 'closed', 1, n, n, n, '', 0, 1 FROM c`, tw.id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// ahead is what was found there by both, and the statement that looked.
	ahead := func(instead map[string]string) (rows int64, text string) {
		l.listen(instead)
		s := l.fresh(t, both)
		for _, tw := range w.twins {
			listing := desk.Listing{View: desk.ViewClosed, Order: desk.OrderClosed, Outcome: desk.Voicemail, Limit: 10}
			if page, next, err := s.List(t.Context(), tw.id, listing); err != nil || len(page) > 0 || next != nil {
				t.Error(page, next, err)
			}
		}
		for _, h := range l.all() {
			if strings.Contains(h.text, looksAhead) {
				if text == "" {
					text = h.text // the first, which is not behind a place
				}
				rows += h.rows
			}
		}
		return rows, text
	}
	rows, text := ahead(nil)
	if rows > 0 || text == "" {
		t.Errorf("%d places among somebody else's threads: %q", rows, text)
	}
	for _, m := range mutants(text) {
		if rows, _ := ahead(map[string]string{text: m.instead}); m.what == gone && rows == 0 {
			t.Errorf("the control: %s, and nobody notices", m.instead)
		}
	}
}
