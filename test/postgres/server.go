package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
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

	"github.com/jackc/pgx/v5"
)

const super = "postgres" // the superuser

// patience bounds every wait for a server; a busy machine is slow.
const patience = 60 * time.Second

// Server is one PostgreSQL server. Its methods are for one goroutine.
type Server struct {
	Port int
	Name string // application_name of a standby; "" for a primary

	bin      string
	who      *syscall.Credential
	folder   folder
	password string
	cmd      *exec.Cmd
	exited   chan struct{}
	frozen   []int
	waker    *exec.Cmd
	fatal    func(format string, args ...any)
}

// Start makes a cluster and starts its server. It ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := start(binaries(t), o)
	if s != nil {
		s.belong(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// belong lets the server end with the test, and its log tell why it failed.
func (s *Server) belong(t testing.TB) {
	t.Helper()
	s.fatal = t.Fatalf
	t.Cleanup(func() {
		s.destroy(func() {
			if t.Failed() && s.Log() != "" {
				t.Logf("the last words of PostgreSQL %s on port %d:\n%s", s.Name, s.Port, tail(s.Log(), 4000))
			}
		})
	})
}

func start(bin string, o Options) (*Server, error) {
	who, err := nobody()
	if err != nil {
		return nil, err
	}
	from, err := ours.base(bin, who)
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, who: who, password: from.password}
	if s.folder, err = newFolder(o.Dir, who); err != nil {
		return s, err
	}
	if err := s.copy(from.data()); err != nil {
		return s, err
	}
	return s, s.settle(o)
}

// copy brings the template into the server's folder.
func (s *Server) copy(from string) error {
	if err := os.CopyFS(s.folder.data(), os.DirFS(from)); err != nil {
		return err
	}
	if err := os.Chmod(s.folder.data(), 0o700); err != nil {
		return err
	}
	return give(s.folder.data(), s.who)
}

// settle writes the settings and starts the server for the first time, on
// another port if somebody was quicker.
func (s *Server) settle(o Options) error {
	s.fatal = func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
	for attempt := 0; ; attempt++ {
		port, err := free()
		if err != nil {
			return err
		}
		s.Port = port
		if err := s.configure(conf(usual(), o.Settings, map[string]string{"port": strconv.Itoa(port)})); err != nil {
			return err
		}
		err = s.launch()
		if err == nil || attempt == 4 || !strings.Contains(s.Log(), "could not bind") {
			return err
		}
	}
}

func (s *Server) configure(lines string) error {
	f, err := os.OpenFile(filepath.Join(s.folder.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + lines)
	return errors.Join(err, f.Close())
}

func free() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// launch starts the process and waits until it answers a query.
func (s *Server) launch() error {
	log, err := os.OpenFile(s.folder.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := command(s.bin, s.folder.path, s.who, "postgres", "-D", s.folder.data())
	cmd.Stdout, cmd.Stderr = log, log // a file: a pipe would wait for the last child
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.cmd, s.exited = cmd, exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	return s.until("answer", func() error {
		select {
		case <-exited:
			return fmt.Errorf("%w: it has left", errGone)
		default:
		}
		_, err := s.one("SELECT 1")
		return err
	})
}

var errGone = errors.New("no use to wait")

// until asks every 20 ms until there is no error.
func (s *Server) until(what string, so func() error) error {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = so(); err == nil {
			return nil
		}
		if errors.Is(err, errGone) {
			break
		}
	}
	return fmt.Errorf("the PostgreSQL server on port %d does not %s: %w\n%s", s.Port, what, err, tail(s.Log(), 4000))
}

// one asks the superuser's database for one text.
func (s *Server) one(statement string, args ...any) (answer string, err error) {
	err = s.as(s.URL(), func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, "SELECT ("+statement+")::text", args...).Scan(&answer)
	})
	return answer, err
}

// as does something on a new connection, within ten seconds.
func (s *Server) as(url string, do func(ctx context.Context, c *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	return do(ctx, c)
}

// Addr is host:port.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }

// URL is the superuser's, at the database postgres.
func (s *Server) URL() string { return s.url(super, s.password, "postgres") }

func (s *Server) url(role, password, database string) string {
	return "postgres://" + role + ":" + password + "@" + s.Addr() + "/" + database + "?sslmode=disable"
}

// PID is the server's first process; the others are its children.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Data is the server's data folder.
func (s *Server) Data() string { return s.folder.data() }

// Log is what the server has written to standard error so far.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.folder.log())
	return string(text)
}

func tail(text string, most int) string {
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

func secret() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
