package chain

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
)

// answer is one HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   fields
}

// fields is every field of an answer that the three calls know. The contract
// has strings only; a server that sends something else has not answered.
type fields struct {
	ResultCode    string `json:"resultCode"`
	ResultDesc    string `json:"resultDesc"`
	ErrorCode     string `json:"errorCode"`
	ExceptionInfo string `json:"exceptionInfo"`
	AccessToken   string `json:"AccessToken"`
	Expires       string `json:"Expires"`
	Token         string `json:"token"`

	broken bool // not JSON, or not of these types
}

// unsent is an error of a request that did not reach the server as a whole, so
// that the server cannot have acted on it.
type unsent struct{ err error }

func (e unsent) Error() string { return e.err.Error() }
func (e unsent) Unwrap() error { return e.err }

// post sends one request. The caller's cancellation does not cut it off: half a
// minute is bounded anyway, and a request that is under way is worth its answer.
func (c *Client) post(ctx context.Context, path string, header http.Header, body any) (*answer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, denied{Result{Outcome: Refused, Code: "invalid", Text: "it is not valid UTF-8"}}
	}
	if err := ctx.Err(); err != nil {
		return nil, unsent{err}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
	defer cancel()
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				written.Store(true)
			}
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(raw))
	if err != nil {
		return nil, unsent{err}
	}
	// Without GetBody the transport cannot repeat the request by itself, which
	// it would do for any POST that carries an Idempotency-Key; AICC ignores it.
	req.GetBody = nil
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.o.Client.Do(req)
	if err != nil {
		if !written.Load() {
			return nil, unsent{err}
		}
		return nil, err
	}
	defer resp.Body.Close()
	return read(resp)
}

func read(resp *http.Response) (*answer, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		a.body = fields{broken: true}
	}
	return a, nil
}

// reason is the answer in words: its code and the server's sentence.
func (a *answer) reason() (code, text string) {
	if a.status == http.StatusOK {
		if a.body.broken {
			return "200", "the answer is not what the contract says"
		}
		return a.body.ResultCode, a.body.ResultDesc
	}
	text = a.body.ExceptionInfo
	if text == "" {
		text = a.body.ResultDesc
	}
	if text == "" {
		text = http.StatusText(a.status)
	}
	return strconv.Itoa(a.status), text
}

// later is what Retry-After asks for: seconds or a date; 0 when it asks nothing.
func (a *answer) later(now time.Time) time.Duration {
	value := strings.TrimSpace(a.header.Get("Retry-After"))
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// forNow says whether the answer is a refusal that may end by itself. Neither
// of the two statuses is given to a message that is stored.
func (a *answer) forNow() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
}

// expired: the contract says 401; one page of AICC's shows 403.
func (a *answer) expired() bool {
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}
