package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Bouncer starts a PgBouncer in transaction mode before the server and gives its
// address. It ends with the test.
func (s *Server) Bouncer(t testing.TB) (addr string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !exists(program) {
			t.Skip("PgBouncer is not installed (Debian: pgbouncer)")
		}
	}
	port, err := free()
	if err != nil {
		t.Fatal(err)
	}
	home, err := newFolder("", s.who)
	if err != nil {
		t.Fatal(err)
	}
	settings, users := filepath.Join(home.path, "pgbouncer.ini"), filepath.Join(home.path, "users")
	for name, text := range map[string]string{
		settings: strings.Join([]string{
			"[databases]", "* = host=127.0.0.1 port=" + strconv.Itoa(s.Port),
			"[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "unix_socket_dir =",
			"pool_mode = transaction", "auth_type = md5", "auth_file = " + users, "auth_user = " + super,
			"max_client_conn = 500", "default_pool_size = 4",
			// Each test has a database of its own; PgBouncer would keep the connections
			// of all of them until the server has none left.
			"server_idle_timeout = 1", "logfile = " + home.log(), "",
		}, "\n"),
		users: fmt.Sprintf("%q %q\n", super, s.password),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := give(home.path, s.who); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", settings)
	cmd.Dir = home.path
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		home.remove()
	})
	addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", addr)
		if err == nil {
			_ = c.Close()
			return addr
		}
		if time.Now().After(deadline) {
			words, _ := os.ReadFile(home.log())
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, words)
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
