package postgres_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/test/postgres"
)

func TestMain(m *testing.M) {
	os.Exit(postgres.Main(m))
}

func ask(t *testing.T, url, statement string) (answer string) {
	t.Helper()
	answer, err := try(url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return answer
}

// try runs a statement and gives the first column of its first row, if any.
func try(url, statement string) (answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close(ctx) }()
	rows, err := c.Query(ctx, statement, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if rows.Next() {
		if values := rows.RawValues(); len(values) > 0 {
			answer = string(values[0])
		}
	}
	rows.Close()
	return answer, rows.Err()
}

func TestASharedServerIsDurableAndItsRolesAreWithoutPrivileges(t *testing.T) {
	began := time.Now()
	s := postgres.Shared(t)
	started := time.Since(began)
	began = time.Now()
	db := s.Database(t)
	t.Logf("server after %v, database after %v", started, time.Since(began))
	for setting, want := range map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on", "server_encoding": "UTF8"} {
		if got := ask(t, db.App, "SHOW "+setting); got != want {
			t.Errorf("%s is %s, not %s", setting, got, want)
		}
	}
	for _, url := range []string{db.App, db.Owner} {
		if got := ask(t, url, "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"); got != "f" {
			t.Errorf("a role has privileges that it should not")
		}
	}
	ask(t, db.Owner, "CREATE TABLE public.thing (n int)")
	if _, err := try(db.App, "CREATE TABLE public.other (n int)"); err == nil {
		t.Error("the application's role may make tables")
	}
	if _, err := try(db.App, "SELECT * FROM public.thing"); err == nil {
		t.Error("the application's role may read what nobody granted it")
	}
	ask(t, db.Owner, "GRANT SELECT ON public.thing TO PUBLIC")
	ask(t, db.App, "SELECT * FROM public.thing")
	if other := s.Database(t); !strings.Contains(other.App, "_app:") {
		t.Errorf("%s names no role of the application", other.App)
	} else if _, err := try(strings.Replace(db.App, "/t", "/x", 1), "SELECT 1"); err == nil {
		t.Error("a database that does not exist takes connections")
	}
}

func TestAPromotedSynchronousStandbyHasWhatWasCommitted(t *testing.T) {
	primary := postgres.Start(t, postgres.Options{Settings: map[string]string{"work_mem": "5MB"}})
	db := primary.Database(t)
	if got := ask(t, db.App, "SHOW work_mem"); got != "5MB" {
		t.Errorf("work_mem is %s", got)
	}
	standby := primary.Standby(t, "left one", postgres.Options{})
	primary.Synchronous("left one")
	ask(t, db.Owner, "CREATE TABLE public.thing AS SELECT 42 AS n")

	primary.Restart()
	primary.Synchronous("left one")
	standby.Freeze()
	done := make(chan error, 1)
	go func() {
		_, err := try(db.Owner, "INSERT INTO public.thing VALUES (43)")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("a commit did not wait for the frozen standby: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	standby.Thaw()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	primary.Kill9()
	if _, err := try(db.Owner, "SELECT 1"); err == nil {
		t.Fatal("a killed server answers")
	}
	standby.Promote()
	if got := ask(t, db.At(standby).App, "SELECT count(*) FROM pg_class WHERE relname = 'thing'"); got != "1" {
		t.Errorf("the promoted standby has %s tables", got)
	}
	among := db.Among(primary.Addr(), standby.Addr())
	if got := ask(t, among.Owner, "INSERT INTO public.thing VALUES (44) RETURNING (SELECT sum(n) FROM public.thing)"); got != "85" {
		t.Errorf("the sum is %s", got)
	}
	third := standby.Standby(t, "third", postgres.Options{})
	standby.Synchronous("third")
	standby.Synchronous()
	third.Stop()
}

// A test binary that is killed leaves no server behind, frozen or not.
func TestNoServerOutlivesItsTestBinary(t *testing.T) {
	if os.Getenv("POSTGRES_DIES") == "1" {
		s := postgres.Start(t, postgres.Options{})
		s.Freeze()
		other := postgres.Start(t, postgres.Options{})
		_, _ = os.Stdout.WriteString("folders " + s.Data() + " " + other.Data() + " \n")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "TestNoServerOutlivesItsTestBinary")
	cmd.Env = append(os.Environ(), "POSTGRES_DIES=1")
	out, _ := cmd.Output()
	_, after, found := strings.Cut(string(out), "folders ")
	words := strings.Fields(after)
	if !found || len(words) < 2 {
		t.Fatalf("the other binary said %q", out)
	}
	for _, data := range words[:2] {
		for deadline := time.Now().Add(20 * time.Second); users(t, data) > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d processes still work in %s", users(t, data), data)
			}
		}
	}
	postgres.Start(t, postgres.Options{}) // sweeps
	for _, data := range words[:2] {
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%s was not swept away", data)
		}
	}
}

// users counts the processes whose working folder it is.
func users(t *testing.T, data string) (n int) {
	t.Helper()
	processes, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if at, err := os.Readlink("/proc/" + p.Name() + "/cwd"); err == nil && at == data {
			n++
		}
	}
	return n
}
