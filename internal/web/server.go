package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Timeouts of a server, each from the moment at which its part begins.
type Timeouts struct {
	Header time.Duration // until the headers are here; 5 s
	Body   time.Duration // until the body is here, counted from the request's first byte; 10 s
	Write  time.Duration // from the headers to the answer's last byte; 25 s, more than poll's 5 s
	Idle   time.Duration // between two requests of a connection; 120 s
}

// Server makes the HTTP server. maxHeaders is in bytes; net/http grants 4 KiB
// on top of it, so a 16 KiB token reaches its 401 and a longer block is 431.
func Server(h http.Handler, t Timeouts, maxHeaders int, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            t.Header,
		ReadTimeout:                  t.Body,
		WriteTimeout:                 t.Write,
		IdleTimeout:                  t.Idle,
		MaxHeaderBytes:               maxHeaders,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if teeth.On("no-timeouts") {
		s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 0, 0, 0, 0
	}
	return s
}
