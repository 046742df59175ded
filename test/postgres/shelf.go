package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// shelf is what one process makes once and uses again.
type shelf struct {
	mu       sync.Mutex
	template *template

	sharing sync.Mutex // taken before mu
	server  *Server
	err     error // of starting the server
}

// template is a cluster that was initialised once, to be copied.
type template struct {
	folder
	password string
}

var ours = &shelf{}

// base gives the template, made on the first call.
func (h *shelf) base(bin string, who *syscall.Credential) (*template, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.template != nil {
		return h.template, nil
	}
	f, err := newFolder("", who)
	if err != nil {
		return nil, err
	}
	made := &template{folder: f, password: secret()}
	word := filepath.Join(f.path, "password")
	if err := os.WriteFile(word, []byte(made.password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if err := give(word, who); err != nil {
		return nil, err
	}
	cmd := command(bin, f.path, who, "initdb", "--pgdata", f.data(), "--username", super, "--pwfile", word,
		"--auth", "md5", "--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-sync", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		f.remove()
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	h.template = made
	return made, nil
}

// common gives the server that all tests share, started on the first call.
func (h *shelf) common(bin string) (*Server, error) {
	h.sharing.Lock()
	defer h.sharing.Unlock()
	if h.server == nil && h.err == nil {
		h.server, h.err = start(bin, Options{})
	}
	return h.server, h.err
}

func (h *shelf) clear() {
	h.sharing.Lock()
	defer h.sharing.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.server != nil {
		h.server.destroy(nil)
		h.server = nil
	}
	if h.template != nil {
		h.template.remove()
		h.template = nil
	}
}

// Shared is one server for all tests of a test binary, started on the first
// call. TestMain must end with Main. Nobody may stop or reconfigure it.
func Shared(t testing.TB) *Server {
	t.Helper()
	s, err := ours.common(binaries(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Main runs the tests, then ends the shared server and removes what this
// package has made. For TestMain: os.Exit(postgres.Main(m)).
func Main(m *testing.M) int {
	code := m.Run()
	Close()
	return code
}

// Close is the end of Main, for a TestMain that does more, or a program that is
// no test.
func Close() {
	ours.clear()
	sweep(os.TempDir())
}
