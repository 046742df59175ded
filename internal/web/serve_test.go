package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestOneConnectionTooManyIsToldSoAndTheOthersAreServed(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var refused atomic.Int64
	s := &http.Server{Handler: table(io.Discard), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(NewGate(inner, 1, func() { refused.Add(1) })) }()
	defer func() { _ = s.Close() }()

	first, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const request = "POST /base/call HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
	exchange(t, first, request, "HTTP/1.1 200") // accepted, and kept alive
	got := raw(t, inner.Addr(), request)
	if !strings.HasPrefix(got, "HTTP/1.1 503") || !strings.Contains(got, "Retry-After: 1\r\n") || !strings.Contains(got, `{"errorCode":"busy"`) {
		t.Fatal(got)
	}
	if refused.Load() != 1 {
		t.Fatal("not counted")
	}
	exchange(t, first, request, "HTTP/1.1 200")
	_ = first.Close()
	for range 100 { // the place is free as soon as the server has noticed
		if got = raw(t, inner.Addr(), strings.Replace(request, "Host: x", "Host: x\r\nConnection: close", 1)); strings.HasPrefix(got, "HTTP/1.1 200") {
			return
		}
	}
	t.Fatal("the place was not given back: " + got)
}

func exchange(t *testing.T, c net.Conn, request, want string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil || !strings.HasPrefix(string(b[:n]), want) {
		t.Fatalf("%q, %v", b[:n], err)
	}
}

func TestReadinessIsAProbeAtMostOnceASecondAndKeepsItsReasonsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var result error
		probes := 0
		draining := make(chan struct{})
		h := Ops(func(context.Context) error { probes++; return result }, http.NotFoundHandler(), draining)
		get := func(path string, status int, part string) {
			t.Helper()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if w.Code != status || !strings.Contains(w.Body.String(), part) {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		get("/readyz", 200, "ready")
		result = errors.New("dial tcp 10.0.0.7: secret internals")
		get("/readyz", 200, "ready")
		if probes != 1 {
			t.Fatalf("%d probes in one second", probes)
		}
		time.Sleep(time.Second)
		get("/readyz", 503, `"reason":"failing"}`)
		result = desk.Errorf(desk.Unstored, "disk_full", "the disk is full")
		time.Sleep(time.Second)
		get("/readyz", 503, `"reason":"disk_full"}`)
		get("/livez", 200, "ok")
		get("/metrics", 404, "")
		get("/other", 404, "not_found")
		result = nil
		time.Sleep(time.Second)
		close(draining)
		get("/readyz", 503, `"reason":"draining"}`)
	})
}
