// Package wire is the network between a program and its PostgreSQL, for tests
// that break it: a TCP proxy that holds, resets, refuses and slows down what
// passes, and that lets the answer to a COMMIT vanish.
//
// Why not Shopify/toxiproxy: the fault that matters most, a connection that is
// lost between a commit and its answer, needs to know where in PostgreSQL's
// protocol it is, and would be ours to write anyway; the rest of it is this
// small, and toxiproxy would bring eight modules along.
//
// A held direction loses nothing: as in a real network, the bytes arrive when
// it heals, if the connection still exists. Tests call it; nothing else does.
package wire

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Ending is what becomes of a connection whose commit was not answered.
type Ending int

// The endings.
const (
	Reset     Ending = iota // both sides see the connection break
	HalfClose               // the client sees its end, the server sees nothing
	Silence                 // nobody sees anything; the answer never comes
)

// String is for a test's log.
func (e Ending) String() string {
	return [...]string{"reset after COMMIT", "half-closed after COMMIT", "silent after COMMIT"}[e]
}

const (
	up   = 0 // from the client to the server
	down = 1
)

// Link is one stretch of network with one server at its end. Its methods serve
// any number of goroutines.
type Link struct {
	listener net.Listener

	mu        sync.Mutex
	changed   *sync.Cond
	target    string
	held      [2]bool
	delay     time.Duration
	refusing  bool
	swallow   int
	ending    Ending
	swallowed int
	pairs     map[*pair]bool
	closed    bool
}

// pair is one connection through the link.
type pair struct {
	link           *Link
	client, server *net.TCPConn
	gone, mute     bool // guarded by the link
}

// New makes a link to host:port. It ends with the test.
func New(t testing.TB, target string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{listener: listener, target: target, pairs: map[*pair]bool{}}
	l.changed = sync.NewCond(&l.mu)
	var all sync.WaitGroup
	all.Go(func() { l.accept(&all) })
	t.Cleanup(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		_ = listener.Close()
		l.Reset()
		all.Wait()
	})
	return l
}

// Addr is host:port, where clients connect.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Point leads new connections to another server, and resets the others.
func (l *Link) Point(target string) {
	l.set(func() { l.target = target })
	l.Reset()
}

// Target is where new connections lead.
func (l *Link) Target() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.target
}

// Hold keeps back what goes up to the server, or down to the client, or both,
// until Heal.
func (l *Link) Hold(upwards, downwards bool) {
	l.set(func() { l.held = [2]bool{upwards, downwards} })
}

// Slow delays everything, in each direction, until Heal.
func (l *Link) Slow(delay time.Duration) { l.set(func() { l.delay = delay }) }

// Refuse resets all connections and every new one, until Heal.
func (l *Link) Refuse() {
	l.set(func() { l.refusing = true })
	l.Reset()
}

// Swallow keeps the answers to the next n commits from their clients, and ends
// their connections. It sees no commits in what is encrypted.
func (l *Link) Swallow(n int, ending Ending) {
	l.set(func() { l.swallow, l.ending = n, ending })
}

// Swallowed is how many answers to commits were swallowed since the start.
func (l *Link) Swallowed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.swallowed
}

// Open is how many connections there are now.
func (l *Link) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pairs)
}

// Reset breaks all connections that are open now, and says how many.
func (l *Link) Reset() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pairs {
		p.cut()
		n++
	}
	return n
}

// Heal ends all faults. A connection that lost an answer is broken at last.
func (l *Link) Heal() {
	l.set(func() {
		l.held, l.delay, l.refusing, l.swallow = [2]bool{}, 0, false, 0
		for p := range l.pairs {
			if p.mute {
				p.cut()
			}
		}
	})
}

func (l *Link) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.changed.Broadcast()
}

func (l *Link) accept(all *sync.WaitGroup) {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		all.Go(func() { l.serve(c.(*net.TCPConn), all) })
	}
}

func (l *Link) serve(client *net.TCPConn, all *sync.WaitGroup) {
	p := &pair{link: l, client: client}
	l.mu.Lock()
	target, refused := l.target, l.refusing || l.closed
	l.mu.Unlock()
	var server net.Conn
	err := errors.New("refused")
	if !refused {
		server, err = net.DialTimeout("tcp", target, 5*time.Second)
	}
	l.mu.Lock()
	if err != nil || l.refusing || l.closed {
		l.mu.Unlock()
		_ = client.SetLinger(0)
		_ = client.Close()
		if server != nil {
			_ = server.Close()
		}
		return
	}
	p.server = server.(*net.TCPConn)
	l.pairs[p] = true
	l.mu.Unlock()
	all.Go(func() {
		p.upwards()
		_ = p.server.CloseWrite()
	})
	p.downwards()
	p.end()
}

// cut breaks the connection for both sides; the link is locked.
func (p *pair) cut() {
	for _, c := range []*net.TCPConn{p.client, p.server} {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	p.gone = true
	delete(p.link.pairs, p)
	p.link.changed.Broadcast()
}

// end closes what is left once the server has ended.
func (p *pair) end() {
	p.link.mu.Lock()
	defer p.link.mu.Unlock()
	if !p.gone {
		_ = p.client.Close()
		_ = p.server.Close()
		p.gone = true
		delete(p.link.pairs, p)
		p.link.changed.Broadcast()
	}
}

// pass waits until the direction is open; false when the connection is gone.
func (p *pair) pass(direction int) bool {
	l := p.link
	l.mu.Lock()
	delay := l.delay
	l.mu.Unlock()
	time.Sleep(delay)
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held[direction] && !p.gone {
		l.changed.Wait()
	}
	return !p.gone
}

func (p *pair) upwards() {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.client.Read(buf)
		if n > 0 {
			if !p.pass(up) {
				return
			}
			if _, err := p.server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *pair) downwards() {
	from := bufio.NewReaderSize(p.server, 64<<10)
	s := stream{pair: p}
	for {
		part, err := s.next(from)
		if errors.Is(err, errEncrypted) {
			_, _ = io.Copy(p.client, from)
			return
		}
		if len(part) > 0 && !p.deliver(part) {
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *pair) deliver(part []byte) bool {
	if !p.pass(down) {
		return false
	}
	p.link.mu.Lock()
	mute := p.mute
	p.link.mu.Unlock()
	if mute {
		return true
	}
	_, err := p.client.Write(part)
	return err == nil
}

// lose decides whether this commit's answer is swallowed.
func (p *pair) lose() bool {
	l := p.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.swallow == 0 || p.gone || p.mute {
		return false
	}
	l.swallow--
	l.swallowed++
	switch l.ending {
	case Reset:
		p.cut()
	case HalfClose:
		p.mute = true
		_ = p.client.CloseWrite()
	case Silence:
		p.mute = true
	}
	return true
}
