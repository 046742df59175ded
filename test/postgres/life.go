package postgres

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// alive says whether the first process runs.
func (s *Server) alive() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

func (s *Server) gone(within time.Duration) bool {
	select {
	case <-s.exited:
		return true
	case <-time.After(within):
		return false
	}
}

// Kill9 ends all processes of the server at once, as a power cut of its
// machine would, and returns when they are gone. It may be called again.
func (s *Server) Kill9() {
	if s.alive() {
		// The parent first: it would otherwise start the others anew.
		family := s.family()
		for _, pid := range family {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-s.exited
		for _, pid := range family[1:] {
			for began := time.Now(); runs(pid) && time.Since(began) < 5*time.Second; {
				time.Sleep(time.Millisecond)
			}
		}
	}
	s.awake()
}

// Stop is a fast shutdown: transactions are rolled back, connections closed. A
// standby that does not take the rest within ten seconds is left behind.
func (s *Server) Stop() {
	if !s.alive() {
		return
	}
	s.Thaw()
	s.Signal(syscall.SIGINT)
	if s.gone(10 * time.Second) {
		return
	}
	s.Signal(syscall.SIGQUIT)
	if !s.gone(10 * time.Second) {
		s.Kill9()
	}
}

// Signal sends a signal to the server's first process: SIGINT is a fast
// shutdown, SIGTERM a smart one, SIGHUP a reload.
func (s *Server) Signal(signal syscall.Signal) { _ = syscall.Kill(s.PID(), signal) }

// Restart starts the server again, on the same port and folder, after a Stop if
// it still runs. It returns when the server answers.
func (s *Server) Restart() {
	s.Stop()
	freeSegment(filepath.Join(s.folder.data(), "postmaster.pid"))
	if err := s.launch(); err != nil {
		s.fatal("%v", err)
	}
}

// Promote makes a standby a primary, and returns when it takes writes.
func (s *Server) Promote() {
	if _, err := s.one("SELECT pg_promote(true, 60)"); err != nil {
		s.fatal("the standby on port %d is not promoted: %v\n%s", s.Port, err, tail(s.Log(), 4000))
	}
	if err := s.until("take writes", func() error {
		still, err := s.one("SELECT pg_is_in_recovery()")
		if err == nil && still != "false" {
			err = fmt.Errorf("it is in recovery")
		}
		return err
	}); err != nil {
		s.fatal("%v", err)
	}
}

// Freeze stops all processes of the server where they are, until Thaw. Should
// our own process die meanwhile, a small helper wakes them, so that they see
// that their parent is gone, and leave.
func (s *Server) Freeze() {
	if len(s.frozen) > 0 || !s.alive() {
		return
	}
	// Twice: a child may be born while the first list is worked through.
	for range 2 {
		s.frozen = s.family()
		for _, pid := range s.frozen {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
	}
	words := []string{"kill", "-CONT"}
	for _, pid := range s.frozen {
		words = append(words, strconv.Itoa(pid))
	}
	// The helper waits for the end of a pipe that only we hold.
	s.waker = exec.Command("sh", "-c", "read -r word || "+strings.Join(words, " ")+" 2>/dev/null")
	s.waker.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if pipe, err := s.waker.StdinPipe(); err != nil || pipe == nil || s.waker.Start() != nil {
		s.Thaw()
		s.fatal("nobody would wake the frozen server: %v", err)
	}
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw() {
	for _, pid := range s.frozen {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	s.awake()
}

func (s *Server) awake() {
	s.frozen = nil
	if s.waker != nil && s.waker.Process != nil {
		_ = s.waker.Process.Kill()
		_ = s.waker.Wait()
	}
	s.waker = nil
}

// Discard ends the server and removes its folder before its test does, for tests
// that use up many.
func (s *Server) Discard() { s.destroy(nil) }

// destroy ends the server and removes its folder; before that, it lets someone
// read the log.
func (s *Server) destroy(look func()) {
	s.Kill9()
	if look != nil {
		look()
	}
	s.folder.remove()
}

// family is the server's first process and its children.
func (s *Server) family() []int {
	all := []int{s.PID()}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if _, parent := state(pid); err == nil && parent == s.PID() {
			all = append(all, pid)
		}
	}
	return all
}

// runs says whether there is such a process; one that only waits for its
// parent's farewell does not run.
func runs(pid int) bool {
	letter, _ := state(pid)
	return letter != "" && letter != "Z" && letter != "X"
}

// state is a process's state and its parent; "" when there is none.
func state(pid int) (letter string, parent int) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0
	}
	// The name in brackets may hold spaces: what counts stands behind it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}
