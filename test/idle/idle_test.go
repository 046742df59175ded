package idle_test

import (
	"bufio"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m, postgres.Close)) }

const (
	settles = 3 * time.Second  // after the last that happened, its echoes
	idle    = 10 * time.Second // long enough for what is asked every few seconds
)

func TestAnIdleNodeAsksPostgreSQLNothingMoreOftenThanOnceASecond(t *testing.T) {
	for name, c := range map[string]struct {
		listen string
		screen bool
	}{
		"a database that tells, and a screen":     {"true", true},
		"a database that is silent, as PgBouncer": {"false", false}, // a screen would ask every 400 ms then: half a second is promised to it
	} {
		t.Run(name, func(t *testing.T) {
			server := postgres.Shared(t)
			db := server.Database(t)
			o := rig.Options{Database: db.App, Migrate: db.Owner, Env: []string{"AFTERBEEP_POSTGRES_LISTEN=" + c.listen}}
			creds := rig.Provision(t, o)
			log := logAll(t, db.Super)
			node := rig.Start(t, o)
			if c.screen {
				showing := screen(t, node.URL, invited(t, o))
				leave(t, node.URL, creds)
				showing("thread")
			} else {
				leave(t, node.URL, creds)
			}
			quiet(t, server, log)
		})
	}
}

// quiet waits until the node has settled, and fails if it asks anything more
// often than once a second.
func quiet(t *testing.T, server *postgres.Server, database string) {
	t.Helper()
	time.Sleep(settles)
	began, at := time.Now(), len(server.Log())
	time.Sleep(idle)
	text, took := server.Log()[at:], time.Since(began)
	asked := statements(text, database)
	total := 0
	for _, what := range slices.Sorted(maps.Keys(asked)) {
		n := asked[what]
		t.Logf("%3d × %s", n, what)
		if !frame.MatchString(what) {
			total += n
			if float64(n) > took.Seconds()+1 {
				t.Errorf("asked %d times in %v: %s", n, took.Round(time.Second), what)
			}
		}
	}
	t.Logf("%d in %v: %.1f a second", total, took.Round(time.Second), float64(total)/took.Seconds())
	if total < 10 {
		t.Error("an idle node looks for news and for what is due; this log does not show it")
	}
}

// frame is what stands around a question: a transaction, whose it is, and the
// driver's look whether a connection that has rested for a second is still there.
var frame = regexp.MustCompile(`(?i)^((begin|commit|rollback|set|select set_config)\b|-- ping$)`)

// line is one entry of the log, as test/postgres has it written; what goes on
// in the next line begins with a tab there.
var line = regexp.MustCompile(`(?m)^\S+ \S+ \S+ \[\d+\] (?:\S+@(\S+) .*?)?(LOG|DETAIL|ERROR|STATEMENT): +(.*(?:\n\t.*)*)`)

var (
	said  = regexp.MustCompile(`^(?:statement|execute [^:]*): `)
	space = regexp.MustCompile(`\s+`)
)

// statements counts what was asked in a database.
func statements(log, database string) map[string]int {
	all := map[string]int{}
	for _, m := range line.FindAllStringSubmatch(log, -1) {
		if head := said.FindString(m[3]); m[1] == database && m[2] == "LOG" && head != "" {
			all[space.ReplaceAllString(strings.TrimPrefix(m[3], head), " ")]++
		}
	}
	return all
}

// logAll lets the server write down every statement in the database, whose name
// it gives.
func logAll(t *testing.T, super string) (name string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	name = c.Config().Database
	if _, err := c.Exec(t.Context(), "ALTER DATABASE "+name+" SET log_statement = 'all'"); err != nil {
		t.Fatal(err)
	}
	return name
}

// invited is the path of the link with which somebody comes in.
func invited(t *testing.T, o rig.Options) string {
	t.Helper()
	var made struct{ Link string }
	said := rig.Must(t, o, "user", "create", "--login", "sofia", "--name", "Sofia", "--role", "supervisor", "--json")
	if err := json.Unmarshal([]byte(said), &made); err != nil {
		t.Fatalf("%q: %v", said, err)
	}
	u, err := url.Parse(made.Link)
	if err != nil || u.Path == "" {
		t.Fatalf("the link is %q, %v", made.Link, err)
	}
	return u.Path
}

// screen signs somebody in and opens the stream of her screen. What it returns
// waits for an event.
func screen(t *testing.T, node, invitation string) func(event string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	in, err := c.PostForm(node+invitation, url.Values{"password": {"a tram under the moss"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Body.Close()
	r, err := c.Get(node + "/events")
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("no stream: %v, %v", r, err)
	}
	t.Cleanup(func() { _ = r.Body.Close() })
	events := make(chan string, 1000)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			if event, is := strings.CutPrefix(lines.Text(), "event: "); is {
				events <- event
			}
		}
	}()
	wait := func(event string) {
		t.Helper()
		late := time.After(10 * time.Second)
		for {
			select {
			case e, open := <-events:
				if !open {
					t.Fatal("the stream ended")
				}
				if e == event {
					return
				}
			case <-late:
				t.Fatalf("no %q in the stream", event)
			}
		}
	}
	wait("hello")
	return wait
}

// leave leaves a message.
func leave(t *testing.T, node string, creds rig.Credentials) {
	t.Helper()
	c := rig.NewClient(node, creds)
	defer c.Close()
	if o := c.Leave(t.Context(), rig.NewLedger("idle", 1).Write()); o.Kind != rig.Acked {
		t.Fatal(o)
	}
}
