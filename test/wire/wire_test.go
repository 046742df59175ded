package wire_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/wire"
)

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

// connect opens a connection through the link, or directly for nil.
func connect(t *testing.T, url string, l *wire.Link, s *postgres.Server) *pgx.Conn {
	t.Helper()
	if l != nil {
		url = strings.Replace(url, s.Addr(), l.Addr(), 1)
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	return c
}

func insert(c *pgx.Conn, n int, whole bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if !whole {
		_, err := c.Exec(ctx, "INSERT INTO public.thing VALUES ($1)", n)
		return err
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO public.thing VALUES ($1)", n); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func count(t *testing.T, c *pgx.Conn, n int) (rows int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM public.thing WHERE n = $1", n).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestACommitWhoseAnswerVanishedIsAnErrorAndIsThere(t *testing.T) {
	s := postgres.Shared(t)
	db := s.Database(t)
	direct := connect(t, db.Owner, nil, s)
	if _, err := direct.Exec(t.Context(), "CREATE TABLE public.thing (n int)"); err != nil {
		t.Fatal(err)
	}
	l := wire.New(t, s.Addr())
	n := 0
	for _, ending := range []wire.Ending{wire.Reset, wire.HalfClose, wire.Silence} {
		for _, whole := range []bool{false, true} {
			n++
			c := connect(t, db.Owner, l, s)
			if err := insert(c, -n, whole); err != nil {
				t.Fatalf("before the fault: %v", err)
			}
			l.Swallow(1, ending)
			if err := insert(c, n, whole); err == nil {
				t.Errorf("%v (in a transaction: %v): the client was answered", ending, whole)
			}
			if l.Swallowed() != n {
				t.Errorf("%v: %d answers were swallowed, not %d", ending, l.Swallowed(), n)
			}
			if rows := count(t, direct, n); rows != 1 {
				t.Errorf("%v: %d rows; the commit went through", ending, rows)
			}
			l.Heal()
		}
	}
}

func TestWhatIsHeldArrivesWhenItHealsAndWhatIsResetDoesNot(t *testing.T) {
	s := postgres.Shared(t)
	db := s.Database(t)
	direct := connect(t, db.Owner, nil, s)
	if _, err := direct.Exec(t.Context(), "CREATE TABLE public.thing (n int)"); err != nil {
		t.Fatal(err)
	}
	l := wire.New(t, s.Addr())
	c := connect(t, db.Owner, l, s)
	for n, hold := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		l.Hold(hold[0], hold[1])
		done := make(chan error, 1)
		go func() {
			_, err := c.Exec(t.Context(), "INSERT INTO public.thing VALUES ($1)", pgx.QueryExecModeExec, n)
			done <- err
		}()
		select {
		case err := <-done:
			t.Fatalf("held %v, and yet answered: %v", hold, err)
		case <-time.After(100 * time.Millisecond):
		}
		if rows := count(t, direct, n); hold[0] && rows != 0 {
			t.Errorf("held %v, and yet there", hold)
		}
		l.Heal()
		if err := <-done; err != nil {
			t.Errorf("healed, and yet %v", err)
		}
	}
	l.Slow(30 * time.Millisecond)
	began := time.Now()
	if err := c.Ping(t.Context()); err != nil || time.Since(began) < 60*time.Millisecond {
		t.Errorf("a slow link answered after %v: %v", time.Since(began), err)
	}
	l.Refuse()
	if err := c.Ping(t.Context()); err == nil {
		t.Error("a reset connection answers")
	}
	if other, err := pgx.Connect(t.Context(), strings.Replace(db.Owner, s.Addr(), l.Addr(), 1)); err == nil {
		_ = other.Close(t.Context())
		t.Error("a link that refuses lets somebody in")
	}
	l.Heal()
	connect(t, db.Owner, l, s)
	if l.Reset() == 0 {
		t.Error("a connection was open")
	}
}
