package browser

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// line is between the browsers and the server. It can be cut and healed.
type line struct {
	l   net.Listener
	to  atomic.Value // the server's address, once there is one
	off atomic.Bool
	all conns

	wicked atomic.Bool // answers a page that does what ours must not
}

func newLine(t *testing.T) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &line{l: l}
	go c.run()
	return c
}

func (c *line) addr() string { return c.l.Addr().String() }

func (c *line) reaches(server string) { c.to.Store(server) }

func (c *line) close() { _ = c.l.Close(); c.cut() }

func (c *line) cut() { c.off.Store(true); c.all.drop() }

func (c *line) heal() { c.off.Store(false) }

func (c *line) run() {
	for {
		in, err := c.l.Accept()
		if err != nil {
			return
		}
		if c.off.Load() {
			_ = in.Close()
			continue
		}
		if c.wicked.Load() {
			const page = `<!doctype html><script>alert(1)</script><img src="http://127.0.0.2:9/x.png">`
			_, _ = fmt.Fprintf(in, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
			_ = in.Close()
			continue
		}
		to, _ := c.to.Load().(string)
		out, err := net.Dial("tcp", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		c.all.add(in, out)
		go pipe(in, out)
		go pipe(out, in)
	}
}

// conns are the connections of a line, so that they can be cut.
type conns struct {
	mu  sync.Mutex
	all []net.Conn
}

func (c *conns) add(more ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, more...)
}

func (c *conns) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		_ = one.Close()
	}
	c.all = nil
}

func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// encrypted puts a proxy that speaks https in front of the line, as operators
// do. Its address has a name, so that pages at 127.0.0.1 are another site.
func encrypted(t *testing.T, addr string) string {
	t.Helper()
	proxy := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr}))
	proxy.StartTLS()
	t.Cleanup(func() {
		proxy.CloseClientConnections() // streams never end by themselves
		proxy.Close()
	})
	_, port, err := net.SplitHostPort(proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "https://localhost:" + port
}
