package torture_test

import (
	"context"
	"database/sql"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/afterbeep/afterbeep/test/power"
	"github.com/afterbeep/afterbeep/test/rig"
)

func TestMain(m *testing.M) {
	// net/http's client tells its log of every connection that a flooded server
	// turns away; the trials count those themselves.
	log.SetOutput(io.Discard)
	power.Sweep()
	os.Exit(rig.Main(m, power.Sweep))
}

// house is a data folder with an app and a channel, and what was sent to it.
type house struct {
	*rig.Ledger
	o     rig.Options
	creds rig.Credentials
}

func newHouse(t *testing.T, name string, seed int64, o rig.Options) *house {
	t.Helper()
	if o.Data == "" {
		o.Data = filepath.Join(t.TempDir(), "data")
	}
	plain := o
	plain.Wrap, plain.Args = nil, nil
	return &house{Ledger: rig.NewLedger(name, seed), o: o, creds: rig.Provision(t, plain)}
}

// open starts the server and a client of it.
func (h *house) open(t *testing.T) (*rig.Server, *rig.Client) {
	t.Helper()
	s := rig.Start(t, h.o)
	return s, rig.NewClient(s.URL, h.creds)
}

// verdict compares with what the data folder holds, server or not.
func (h *house) verdict(t *testing.T) rig.Verdict {
	t.Helper()
	return h.Compare(rig.Messages(t, rig.Options{Data: h.o.Data, Env: h.o.Env}))
}

// load lets writers run in the background; the returned function stops them
// and waits; it may be called again.
func (h *house) load(c *rig.Client, writers int) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		h.Load(c, writers, stop)
	}()
	return sync.OnceFunc(func() {
		close(stop)
		<-done
		c.Close()
	})
}

// eventually asks every 20 ms until it is so; false when it was not within the
// time.
func eventually(patience time.Duration, so func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if so() {
			return true
		}
	}
	return so()
}

// leave leaves one new letter and notes the answer.
func (h *house) leave(c *rig.Client) rig.Outcome {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	letter := h.Write()
	o := c.Leave(ctx, letter)
	h.Note(letter, o)
	return o
}

// alive says whether the process answers /livez.
func alive(s *rig.Server) bool {
	res, err := http.Get(s.Ops + "/livez")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// database opens the store's file as any other program would.
func database(t *testing.T, data string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "afterbeep.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// ask runs a statement that gives one number.
func ask(t *testing.T, db *sql.DB, statement string) (n int) {
	t.Helper()
	if err := db.QueryRow(statement).Scan(&n); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// sick is what the doctor finds. That messages wait to be sorted is no illness
// after a fault.
func (h *house) sick(t *testing.T) []string {
	t.Helper()
	return rig.Sick(t, rig.Options{Data: h.o.Data, Env: h.o.Env}, "waiting")
}
