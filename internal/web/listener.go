package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	refusing   = 64                     // connections that are being told "busy" at once
	refuseTime = 500 * time.Millisecond // for one of them to take it and leave
)

// NewGate accepts at most most connections at a time. One more is told so,
// 503 with Retry-After, beside the accepting, which never waits for it; when
// even those are many, it is closed without a word. refused, when set, is
// called for each.
func NewGate(l net.Listener, most int, refused func()) *Gate {
	busy := Problem(http.StatusServiceUnavailable, "busy", "the server has too many connections; please try again").Body()
	return &Gate{
		Listener: l, most: int64(most), refused: refused, slots: make(chan struct{}, refusing),
		busy: fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: %s\r\nContent-Length: %d\r\n"+
			"Cache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s", jsonUTF8[0], len(busy), busy),
	}
}

// Gate is a listener that lets in so many at a time.
type Gate struct {
	net.Listener
	most    int64
	refused func()
	busy    []byte
	slots   chan struct{}
	open    atomic.Int64
}

// Open is how many connections are open.
func (l *Gate) Open() int { return int(l.open.Load()) }

// Accept implements net.Listener.
func (l *Gate) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &conn{Conn: c, gone: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
		l.open.Add(-1)
		if l.refused != nil {
			l.refused()
		}
		select {
		case l.slots <- struct{}{}:
			go l.refuse(c)
		default:
			_ = c.Close()
		}
	}
}

// refuse answers without reading the request, then waits for the client to
// leave: closing with unread bytes would reset the connection and might take
// the answer with it.
func (l *Gate) refuse(c net.Conn) {
	defer func() { <-l.slots }()
	defer func() { _ = c.Close() }()
	if c.SetDeadline(time.Now().Add(refuseTime)) != nil {
		return
	}
	if _, err := c.Write(l.busy); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c, 256<<10)
}

// conn gives its place back when it is closed.
type conn struct {
	net.Conn
	gone func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.gone()
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer gently although the client still sends.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
