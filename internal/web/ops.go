package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const (
	probeKept = time.Second     // how long a probe's result is given out again
	probeTime = 5 * time.Second // for one probe
)

// Ops answers the operator's side: /livez (the process runs), /readyz (it can
// take a message down; 503 and one word otherwise) and /metrics. The probe
// costs a real write, so it runs at most once a second; draining, when closed,
// makes the server not ready at once.
func Ops(probe func(context.Context) error, metrics http.Handler, draining <-chan struct{}) http.Handler {
	ready := &readiness{probe: probe, draining: draining}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			methodNotAllowed([]*Route{{Method: http.MethodGet}}).write(w)
			return
		}
		switch r.URL.EscapedPath() {
		case "/livez":
			JSON(http.StatusOK, "ok", `{"status":"ok"}`).write(w)
		case "/readyz":
			ready.answer(r.Context()).write(w)
		case "/metrics":
			metrics.ServeHTTP(w, r)
		default:
			notFound.write(w)
		}
	})
}

type readiness struct {
	probe    func(context.Context) error
	draining <-chan struct{}

	mu  sync.Mutex // held while probing: who asks meanwhile waits for that result
	at  time.Time
	was error
}

func (r *readiness) answer(ctx context.Context) Answer {
	select {
	case <-r.draining:
		return notReady("draining")
	default:
	}
	if err := r.ask(ctx); err != nil {
		var e *desk.Error
		if errors.As(err, &e) && e.Code != "" {
			return notReady(e.Code)
		}
		return notReady("failing")
	}
	return JSON(http.StatusOK, "ready", `{"status":"ready"}`)
}

func (r *readiness) ask(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) >= probeKept {
		// One client that hangs up must not fail the probe for the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
		defer cancel()
		r.was, r.at = r.probe(ctx), time.Now()
	}
	return r.was
}

func notReady(reason string) Answer {
	return JSON(http.StatusServiceUnavailable, reason, `{"status":"not ready","reason":`+Quote(reason)+`}`).RetryAfter(time.Second)
}
