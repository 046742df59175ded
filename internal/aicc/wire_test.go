package aicc

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/web"
)

// What only a real connection shows.
func TestOnTheWireStrangersAreTurnedAwayBeforeTheyMaySendABody(t *testing.T) {
	s := open(t, Limits{})
	server := httptest.NewUnstartedServer(nil)
	server.Config = web.Server(s, web.Timeouts{Header: time.Second, Body: time.Second, Write: 10 * time.Second, Idle: time.Second},
		16<<10, slog.New(slog.DiscardHandler))
	server.Start()
	defer server.Close()
	head := "POST " + pathLeave + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	ours := fmt.Sprintf("authorization: Bearer %s\r\nX-APP-KEY: %s\r\nCCMessaging-Token: %s\r\n", s.access, s.app.Key, s.customer)
	text := body()
	for name, c := range map[string]struct{ request, answer string }{
		"a stranger asks to go on": {head + "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n", "HTTP/1.1 401 "},
		"an app asks to go on":     {head + ours + fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", len(text), text), "HTTP/1.1 100 "},
		"a 16 KiB token":           {head + "Ccmessaging-Token: " + strings.Repeat("a", 16<<10) + "\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 401 "},
		"headers of 32 KiB":        {head + "Ccmessaging-Token: " + strings.Repeat("a", 32<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		"names in any case":        {head + ours + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text), "HTTP/1.1 200 "},
		"less than announced":      {head + ours + "Content-Length: 500\r\n\r\n" + text, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.book.count()
			got := send(t, server.Listener.Addr(), c.request)
			if !strings.HasPrefix(got, c.answer) || c.answer == "" && got != "" {
				t.Fatalf("%.300s", got)
			}
			if stored := s.book.count() > before; stored != strings.Contains(got, savedText) {
				t.Error("stored:", stored)
			}
		})
	}
}

func send(t *testing.T, to net.Addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, request)
	b, _ := io.ReadAll(c)
	return string(b)
}
