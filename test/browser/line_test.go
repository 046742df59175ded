package browser

import (
	"io"
	"net"
	"sync"
)

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
