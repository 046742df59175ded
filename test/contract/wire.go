// Package contract plays every row of the contract's table of answers
// (docs/contract.md) against the real binary, by number, byte for byte. Where
// net/http would not let a client misbehave, it speaks over bare sockets. It
// promises that no row is forgotten: each is played here, or the test that
// proves it elsewhere is named and looked for. Nothing calls it but go test.
package contract

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The paths of the contract.
const (
	tokenPath  = "/apigovernance/api/oauth/tokenByAkSk"
	applyPath  = "/apiaccess/ccmessaging/applyToken"
	leavePath  = "/apiaccess/ccmessaging/doLeaveMessage"
	facadePath = "/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage"
)

// The bodies of the contract, byte for byte.
const (
	stored    = `{"resultCode":"0","resultDesc":"Save leaveMessage success!"}`
	badValues = `{"resultCode":"3","resultDesc":"the leaveMessageParams is error."}`
	notStored = `{"resultCode":"13","resultDesc":"Save leaveMessage failed!"}`
	exception = `{"resultCode":"13","resultDesc":"Exception appeared!"}`
	sentence  = "auth fail! illegal or expired token info. please apply or refresh the access token from the server!"
)

// call is a request as it will stand on the wire. Its methods give changed
// copies.
type call struct {
	method, path string
	header       [][2]string
	body         string
	framed       bool // the header says how long the body is
}

func post(path string, header ...[2]string) call {
	return call{method: http.MethodPost, path: path, header: header}
}

// with sets a header, or removes it when the value is "".
func (c call) with(name, value string) call {
	kept := make([][2]string, 0, len(c.header)+1)
	for _, h := range c.header {
		if !strings.EqualFold(h[0], name) {
			kept = append(kept, h)
		}
	}
	if value != "" {
		kept = append(kept, [2]string{name, value})
	}
	c.header = kept
	return c
}

// and adds a header, also where there is one already.
func (c call) and(name, value string) call {
	c.header = append(c.header[:len(c.header):len(c.header)], [2]string{name, value})
	return c
}

func (c call) to(path string) call { c.path = path; return c }

func (c call) by(method string) call { c.method = method; return c }

func (c call) saying(body string) call { c.body = body; return c }

// unframed leaves it to the headers to say how long the body is.
func (c call) unframed() call { c.framed = true; return c }

func (c call) bytes(host string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", c.method, c.path, host)
	for _, h := range c.header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	if !c.framed {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(c.body))
	}
	b.WriteString("\r\n" + c.body)
	return b.Bytes()
}

// answer is a whole answer, or none: Status 0 is a connection that was closed
// without one.
type answer struct {
	Status  int
	Header  http.Header
	Body    string
	Closed  bool // the server closed the connection afterwards
	Interim bool // a 100 Continue came before it
}

// line is a connection to the server, with bytes and nothing else.
type line struct {
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, host, from string) *line {
	t.Helper()
	d := net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &line{conn, bufio.NewReader(conn)}
}

// hear reads one answer.
func (l *line) hear(t *testing.T) answer {
	t.Helper()
	a, err := l.catch()
	if err != nil {
		t.Fatalf("the answer %d ends in its body: %v", a.Status, err)
	}
	return a
}

// catch reads one answer, or as much of it as arrives: what the other side says
// before it closes is lost when it is still being written to.
func (l *line) catch() (a answer, err error) {
	for {
		res, err := http.ReadResponse(l.r, nil)
		if err != nil {
			return a, nil // closed or reset without a word
		}
		if res.StatusCode == http.StatusContinue {
			a.Interim = true
			continue
		}
		body, err := io.ReadAll(res.Body)
		a.Status, a.Header, a.Body, a.Closed = res.StatusCode, res.Header, string(body), res.Close
		return a, err
	}
}

// send makes one call on a connection of its own.
func send(t *testing.T, host string, c call) answer {
	t.Helper()
	return sendFrom(t, host, "", c)
}

func sendFrom(t *testing.T, host, from string, c call) answer {
	t.Helper()
	l := dial(t, host, from)
	defer l.Close()
	// A server that answers before it has read everything may have stopped reading.
	_, _ = l.Write(c.bytes(host))
	return l.hear(t)
}
