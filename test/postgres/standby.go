package postgres

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Standby copies the server and starts a streaming standby of it, whose
// application_name is the name. It answers queries, and has caught up with what
// was there when the copy began.
func (s *Server) Standby(t testing.TB, name string, o Options) *Server {
	t.Helper()
	b := &Server{Name: name, bin: s.bin, who: s.who, password: s.password}
	var err error
	if b.folder, err = newFolder(o.Dir, s.who); err == nil {
		b.belong(t)
		if err = b.copyOf(cmp.Or(o.Via, s.Addr())); err == nil {
			err = b.settle(o)
		}
	}
	b.fatal = t.Fatalf
	if err != nil {
		t.Fatal(err)
	}
	if err := s.until("stream to "+name, func() error {
		n, err := s.one("SELECT count(*) FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'", name)
		if err == nil && n == "0" {
			err = fmt.Errorf("the standby is not connected; its log:\n%s", tail(b.Log(), 2000))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return b
}

// copyOf makes the folder a copy of that of the primary at addr, which it will
// then follow.
func (s *Server) copyOf(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	from := fmt.Sprintf("host=%s port=%s user=%s password=%s application_name='%s'", host, port, super, s.password, s.Name)
	cmd := command(s.bin, s.folder.path, s.who, "pg_basebackup", "--pgdata", s.folder.data(), "--dbname", from,
		"--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	// A promoted standby must not wait for the standbys of its old primary.
	auto := filepath.Join(s.folder.data(), "postgresql.auto.conf")
	text, err := os.ReadFile(auto)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(line string) bool { return strings.HasPrefix(line, "synchronous_standby_names") })
	return os.WriteFile(auto, []byte(strings.Join(lines, "")), 0o600)
}

// Synchronous makes the standbys of these names synchronous: a commit waits for
// any one of them. Without a name nothing waits. It returns when the server
// says so itself; a standby that is not connected is not waited for.
func (s *Server) Synchronous(names ...string) {
	value, want := "", "async"
	if len(names) > 0 {
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = pgx.Identifier{name}.Sanitize()
		}
		value, want = "ANY 1 ("+strings.Join(quoted, ", ")+")", "quorum"
	}
	err := s.as(s.URL(), func(ctx context.Context, c *pgx.Conn) error {
		if _, err := c.Exec(ctx, "ALTER SYSTEM SET synchronous_standby_names = '"+value+"'"); err != nil {
			return err
		}
		_, err := c.Exec(ctx, "SELECT pg_reload_conf()")
		return err
	})
	if err == nil {
		err = s.until("have the standbys that it should", func() error { return s.has(names, value, want) })
	}
	if err != nil {
		s.fatal("%v", err)
	}
}

func (s *Server) has(names []string, value, want string) error {
	current, err := s.one("SELECT current_setting('synchronous_standby_names')")
	if err != nil {
		return err
	}
	others, err := s.one("SELECT count(*) FROM pg_stat_replication WHERE application_name <> 'pg_basebackup' AND sync_state <> $1 AND (cardinality($2::text[]) = 0 OR application_name = ANY($2))", want, append([]string{}, names...))
	if err == nil && (current != value || others != "0") {
		err = fmt.Errorf("synchronous_standby_names is %q, and %s standbys are not %s", current, others, want)
	}
	return err
}
