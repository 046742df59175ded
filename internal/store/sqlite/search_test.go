package sqlite_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/readers"
	"github.com/afterbeep/afterbeep/internal/search"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	"github.com/afterbeep/afterbeep/internal/store/storetest"
)

func finder(t testing.TB, folder string) (*store.Finder, *sqlite.Index) {
	t.Helper()
	s, x := open(t, folder), sqlite.NewIndex(folder)
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return &store.Finder{Store: s, Index: x}, x
}

func TestSQLiteFindsWhatEveryEngineMust(t *testing.T) {
	storetest.RunSearch(t, func(t *testing.T, _ string) *store.Finder {
		f, _ := finder(t, filepath.Join(t.TempDir(), "data"))
		return f
	})
}

// Another version of the tokens begins anew, on every engine.
func TestTheReadersNameSaysTheVersionOfTheTokens(t *testing.T) {
	if store.SearchReader != fmt.Sprint("search.", search.Version) {
		t.Errorf("the reader %s makes tokens of version %d", store.SearchReader, search.Version)
	}
}

// shelf is a store that knows what must be found in it.
type shelf struct {
	*store.Finder
	x      *sqlite.Index
	t      testing.TB
	folder string
	at     time.Time
	ids    *desk.Sequence
	left   []string
}

func newShelf(t testing.TB, folder string) *shelf {
	f, x := finder(t, folder)
	s := &shelf{Finder: f, x: x, t: t, folder: folder, at: time.Now()}
	last, err := f.Store.LastID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.ids = desk.NewSequence(0, last, func() time.Time { return s.at })
	return s
}

// leave leaves and sorts messages.
func (s *shelf) leave(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		m := desk.Message{Tenant: 1, ID: s.ids.Next(), Channel: 202611220000000001, ReceivedAt: s.at, CallID: "c", Caller: "1", Text: text}
		row := desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: desk.AppendLine(nil, &m)}
		if err := s.Store.Append(s.t.Context(), &desk.Batch{Rows: []desk.Row{row}}); err != nil {
			s.t.Fatal(err)
		}
		s.left = append(s.left, text)
	}
	drain(s.t, s.Store)
}

func words(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s refund 退款 n%04d", prefix, i))
	}
	return all
}

// exact fails unless everything is found, in pages, once and in order.
func (s *shelf) exact(f *store.Finder, when string) {
	s.t.Helper()
	for _, word := range []string{"refund", "退款"} {
		var got []string
		q := desk.Query{Text: word, Limit: 7}
		for {
			page, err := f.Messages(s.t.Context(), 1, q)
			if err != nil {
				s.t.Fatalf("%s: %v", when, err)
			}
			for i := range page {
				got = append([]string{page[i].Text}, got...)
				q.Before = page[i].ID
			}
			if len(page) == 0 {
				break
			}
			if len(page) < q.Limit && len(got) < len(s.left) {
				s.t.Fatalf("%s: a page of %d, and there is more", when, len(page))
			}
		}
		if strings.Join(got, "|") != strings.Join(s.left, "|") {
			s.t.Fatalf("%s: %q finds %d of %d messages", when, word, len(got), len(s.left))
		}
	}
}

// step lets the reader do one batch, if there is one to do.
func (s *shelf) step(most int) (done bool) {
	s.t.Helper()
	ctx := s.t.Context()
	l, err := s.Store.Hold(ctx, desk.Lease{Tenant: 1, Reader: store.SearchReader, Holder: "test", Until: time.Now().Add(time.Hour)}, time.Now())
	if err == nil {
		l.Seq, err = s.Stand(ctx, l)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := s.Store.Events(ctx, 1, l.Seq, most)
	if err == nil && e.Last > 0 {
		if err = s.Take(ctx, l, e); desk.KindOf(err) == desk.Conflict {
			return true // it is made anew: look again
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return e.Last > 0
}

func (s *shelf) index() {
	for s.step(9) {
	}
}

func (s *shelf) covered(want int64) {
	s.t.Helper()
	if seq, _, err := s.x.Covered(s.t.Context(), 1); err != nil || seq != want {
		s.t.Fatalf("the index covers %d events, want %d: %v", seq, want, err)
	}
}

func TestWhateverHappensToTheIndexNothingIsMissed(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, folder string){
		"deleted":           func(t *testing.T, folder string) { each(t, folder, "search*", os.Remove) },
		"one slice deleted": func(t *testing.T, folder string) { each(t, folder, "search-*", os.Remove) },
		"control deleted":   func(t *testing.T, folder string) { each(t, folder, "search.db*", os.Remove) },
		"slice is garbage":  func(t *testing.T, folder string) { each(t, folder, "search-*.db*", garbage) },
		"control is garbage": func(t *testing.T, folder string) {
			each(t, folder, "search.db*", garbage)
		},
		"slice is empty": func(t *testing.T, folder string) {
			each(t, folder, "search-*", os.Remove)
			each(t, folder, "search.db", func(string) error {
				return os.WriteFile(filepath.Join(folder, "search-"+time.Now().UTC().Format("200601")+".db"), nil, 0o600)
			})
		},
	} {
		t.Run(name+" while it runs", func(t *testing.T) {
			s := newShelf(t, filepath.Join(t.TempDir(), "data"))
			s.leave(words("a", 30)...)
			s.index()
			s.exact(s.Finder, "before")
			harm(t, s.folder)
			s.exact(s.Finder, "harmed")
			s.leave(words("b", 5)...)
			s.exact(s.Finder, "harmed, and more")
			s.index()
			s.exact(s.Finder, "made anew")
		})
		t.Run(name+" while it rests", func(t *testing.T) {
			s := newShelf(t, filepath.Join(t.TempDir(), "data"))
			s.leave(words("a", 30)...)
			s.index()
			if err := s.x.Close(); err != nil {
				t.Fatal(err)
			}
			harm(t, s.folder)
			s.exact(s.Finder, "harmed")
			s.leave(words("b", 5)...)
			s.index()
			s.exact(s.Finder, "made anew")
			s.covered(35)
			other, _ := finder(t, s.folder)
			s.exact(other, "seen by another process")
		})
	}
}

func each(t *testing.T, folder, pattern string, do func(string) error) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(names) == 0 {
		t.Fatal("nothing to harm: ", err)
	}
	for _, name := range names {
		if err := do(name); err != nil {
			t.Fatal(err)
		}
	}
}

func garbage(name string) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte(strings.Repeat("garbage ", int(st.Size()/8))), 0)
	return err
}

// A process that is killed leaves entries that its cursor does not cover.
func TestKilledBetweenEntriesAndCursorNothingIsMissedOrDoubled(t *testing.T) {
	s := newShelf(t, filepath.Join(t.TempDir(), "data"))
	s.leave(words("a", 20)...)
	s.step(10)
	s.step(5)
	s.covered(15)
	again, x := finder(t, s.folder) // the first one is never closed
	if seq, _, err := x.Covered(t.Context(), 1); err != nil || seq != 10 {
		t.Fatalf("the cursor on the disk is at %d, %v: this proves nothing", seq, err)
	}
	s.exact(again, "after the kill")
	s.Finder, s.x = again, x
	s.index()
	s.covered(20)
	s.exact(again, "taken in again")
}

// A power cut may take what was not flushed: entries, never what a cursor on the
// disk covers.
func TestTheCursorOnTheDiskCoversOnlyWhatIsFlushed(t *testing.T) {
	s := newShelf(t, filepath.Join(t.TempDir(), "data"))
	s.leave(words("a", 20)...)
	s.step(10)
	flushed := map[string][]byte{}
	each(t, s.folder, "search-*", func(name string) (err error) {
		flushed[name], err = os.ReadFile(name)
		return err
	})
	s.step(5)
	cut := filepath.Join(t.TempDir(), "cut")
	if err := os.CopyFS(cut, os.DirFS(s.folder)); err != nil {
		t.Fatal(err)
	}
	for name, b := range flushed {
		if err := os.WriteFile(filepath.Join(cut, filepath.Base(name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(cut, 0o700); err != nil {
		t.Fatal(err)
	}
	after := newShelf(t, cut)
	after.left = s.left
	after.exact(after.Finder, "after the cut")
	after.index()
	after.exact(after.Finder, "taken in again")
}

func TestAnIndexOfAnotherHistoryIsNotBelieved(t *testing.T) {
	s := newShelf(t, filepath.Join(t.TempDir(), "data"))
	s.leave(words("a", 10)...)
	file := filepath.Join(t.TempDir(), "backup.db")
	if _, err := sqlite.Backup(t.Context(), s.folder, file, sqlite.Options{}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	s.leave(words("b", 10)...)
	s.index()
	if err := s.x.Close(); err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{0, 5, 10, 20} { // the cursor is ahead of the log, at its end, or within it
		again := filepath.Join(t.TempDir(), "restored")
		if _, err := sqlite.Restore(t.Context(), file, again, sqlite.Options{}); err != nil {
			t.Fatal(err)
		}
		if names, err := filepath.Glob(filepath.Join(again, "search*")); err != nil || len(names) > 0 {
			t.Errorf("a backup holds the index: %v, %v", names, err)
		}
		each(t, s.folder, "search*", func(name string) error {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(again, filepath.Base(name)), b, 0o600)
		})
		r := newShelf(t, again)
		r.left = s.left[:10:10]
		r.leave(words("c", more)...)
		r.exact(r.Finder, "restored")
		r.index()
		r.exact(r.Finder, "made anew")
		r.covered(int64(10 + more))
	}
}

func TestSlicesAreMonthsAndNotTooLarge(t *testing.T) {
	s := newShelf(t, filepath.Join(t.TempDir(), "data"))
	s.x.SetSliceMost(20)
	for month := range 3 {
		s.at = time.Date(2026, time.Month(9+month), 1, 0, 0, 0, 0, time.UTC)
		s.leave(words(fmt.Sprint(month), 45)...)
		s.index()
	}
	s.exact(s.Finder, "three months")
	var names []string
	each(t, s.folder, "search-*.db", func(name string) error { names = append(names, filepath.Base(name)); return nil })
	if len(names) != 6 || names[1] != "search-202609.db" { // a batch of nine may make a slice larger
		t.Fatalf("slices: %v", names)
	}
	if err := s.x.Close(); err != nil {
		t.Fatal(err)
	}
	again := newShelf(t, s.folder)
	again.left = s.left
	again.x.SetSliceMost(20)
	again.at = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	again.leave(words("late", 3)...)
	again.index()
	again.exact(again.Finder, "opened again")
}

func TestAMonthThatIsOverIsMergedBitByBit(t *testing.T) {
	s := newShelf(t, filepath.Join(t.TempDir(), "data"))
	s.at = time.Date(2026, 9, 10, 0, 0, 0, 0, time.UTC)
	s.leave(words("a", 30)...)
	september := sqlite.MonthOf(s.ids.Next())
	for s.step(10) {
	}
	segments := func() int {
		t.Helper()
		n, err := s.x.Segments(t.Context(), september)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := segments(); n < 2 {
		t.Fatalf("%d segments: this proves nothing", n)
	}
	for month := time.September; month <= time.November; month++ {
		if err := s.x.Close(); err != nil {
			t.Fatal(err)
		}
		left := s.left
		s = newShelf(t, s.folder)
		s.left, s.at = left, time.Date(2026, month, 20, 0, 0, 0, 0, time.UTC)
		s.leave(words(fmt.Sprint(month), 3)...)
		s.index() // the first batch of a process is settled at once
		s.exact(s.Finder, month.String())
		if n := segments(); (n == 1) != (month > time.September) {
			t.Errorf("in %s, September has %d segments", month, n)
		}
	}
	late := s.ids
	s.ids = desk.NewSequence(1, 0, func() time.Time { return time.Date(2026, 9, 25, 0, 0, 0, 0, time.UTC) })
	m := desk.Message{Tenant: 1, ID: s.ids.Next(), Channel: 202611220000000001, ReceivedAt: s.at, CallID: "c", Caller: "1", Text: "belated 退款"}
	row := desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: desk.AppendLine(nil, &m)}
	if err := s.Store.Append(t.Context(), &desk.Batch{Rows: []desk.Row{row}}); err != nil {
		t.Fatal(err)
	}
	drain(t, s.Store)
	s.ids = late
	s.index()
	if page, err := s.Messages(t.Context(), 1, desk.Query{Text: "belated", Limit: 5}); err != nil || len(page) != 1 {
		t.Errorf("a late message of a month that was merged: %d found, %v", len(page), err)
	}
}

func TestAnotherProcessMayLookWhileTheIndexIsMade(t *testing.T) {
	s := newShelf(t, filepath.Join(t.TempDir(), "data"))
	other, _ := finder(t, s.folder)
	s.exact(other, "nothing there")
	s.leave(words("a", 20)...)
	s.exact(other, "no index")
	for s.step(5) {
		s.exact(other, "half an index")
	}
	if err := s.x.Forget(t.Context(), desk.Lease{}); err != nil {
		t.Fatal(err)
	}
	s.exact(other, "the files are gone")
	s.step(5)
	s.exact(other, "and made anew")
	s.leave(words("b", 20)...)
	s.index()
	s.exact(other, "and full")
}

// The reader that runs in a server, with the real runner and feed.
func TestTheReaderKeepsUp(t *testing.T) {
	s := newShelf(t, filepath.Join(t.TempDir(), "data"))
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	feed := readers.NewFeed(s.Store.Heads, log)
	s.Store.Changed = feed.Poke
	run := readers.New(readers.Reader{
		Name: store.SearchReader, Moves: true, Cursor: s.Stand, Lost: s.x.Lost, Most: 7,
		Handle: func(ctx context.Context, b readers.Batch) error { return s.Take(ctx, b.Lease, b.Excerpt) },
	}, s.Store, feed, time.Now, readers.Settings{Holder: "test", Log: log})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- feed.Run(ctx) }()
	go func() { ended <- run.Run(ctx) }()
	caughtUp := func() {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; {
			if seq, _, err := s.x.Covered(t.Context(), 1); err == nil && seq == int64(len(s.left)) {
				return
			}
			if time.Now().After(end) {
				t.Fatal("the reader does not come to the end of the log")
			}
		}
	}
	for i := range 3 {
		s.leave(words(fmt.Sprint(i), 20)...)
		s.exact(s.Finder, "while it reads")
	}
	caughtUp()
	s.exact(s.Finder, "when it has read all")
	each(t, s.folder, "search*", os.Remove)
	s.exact(s.Finder, "when its files are gone")
	caughtUp()
	each(t, s.folder, "search.db", os.Remove)
	s.leave("the last refund 退款")
	caughtUp()
	s.exact(s.Finder, "when it was made anew")
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkSearch is what a message costs the index, and what a search takes,
// with AFTERBEEP_SEARCH messages in the store (10,000 unless told otherwise).
func BenchmarkSearch(b *testing.B) {
	f, _ := finder(b, filepath.Join(b.TempDir(), "data"))
	storetest.BenchSearch(b, f)
}
