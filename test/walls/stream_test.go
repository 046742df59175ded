package walls_test

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// ear listens to a stream for as long as the crawl goes on.
type ear struct {
	who  audience
	path string

	mu   sync.Mutex
	text []byte
}

// Write keeps what came.
func (e *ear) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = append(e.text, p...)
	return len(p), nil
}

func (e *ear) heard() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text
}

// listen opens the stream, from the first event on.
func listen(ctx context.Context, who audience, v *visitor, path string, all *sync.WaitGroup) (*ear, error) {
	e := &ear{who: who, path: path}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.h.server.URL+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	if v.key != "" {
		r.Header.Set("Authorization", "Bearer "+v.key)
	}
	client := *v.client
	client.Timeout = 0
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	all.Go(func() {
		_ = res.Header.Write(e)
		_, _ = io.Copy(e, res.Body) // ends with the context
		_ = res.Body.Close()
	})
	return e, nil
}
