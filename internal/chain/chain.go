// Package chain is the client's side of the contract: tokenByAkSk, applyToken,
// doLeaveMessage, against this server or against AICC itself. It promises one
// of three answers for every message: acknowledged, refused and known not to be
// stored, or unknown; it never calls a message refused that may be stored, and
// never sends one twice on its own unless the server has shown that it honours
// idempotency keys. It follows no redirect and verifies certificates, because
// the calls carry a secret. The command line calls it, for `leave` and `demo`.
package chain

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Paths of the three calls below the base URL, as AICC has them.
const (
	TokenPath = "/apigovernance/api/oauth/tokenByAkSk"
	ApplyPath = "/apiaccess/ccmessaging/applyToken"
	LeavePath = "/apiaccess/ccmessaging/doLeaveMessage"
)

// Limits of one call.
const (
	requestTime = 30 * time.Second // from dialling to the last byte of the answer
	maxAnswer   = 64 << 10         // bytes
	maxPause    = time.Minute      // of what a Retry-After may ask for
	firstPause  = 200 * time.Millisecond
	maxUsers    = 1024 // ccmessaging-tokens that are kept
)

// Options say where to call and as whom.
type Options struct {
	URL       string // https://service.besclouds.com, with a base path if there is one
	AppKey    string
	AppSecret string

	// Attempts is how often a message is offered that was refused for now (429,
	// 503, no connection); 0 is 6. A token that expired is renewed in any case.
	Attempts int
	// Connections is how many are kept open between calls; 0 is 8.
	Connections int

	Now    func() time.Time                           // nil: the clock
	Pause  func(context.Context, time.Duration) error // nil: a timer
	Random func() float64                             // nil: math/rand; from 0 to 1, spreads the pauses
	Client *http.Client                               // nil: one with the settings that are described above
}

// User is who leaves a message and where: what a ccmessaging-token is made for.
type User struct {
	ID        string // userId, 1–32 characters
	Name      string // userName
	ChannelID string // the channel's Configuration ID
	Locale    string // such as zh_CN
}

// Message is one message to leave.
type Message struct {
	User    User
	CallID  string // callId, 1–24 characters
	Caller  string
	Text    string // leaveMessage
	Channel string // "" is WEB
	Key     string // Idempotency-Key; "" is none
}

// Outcome says what is known about a message.
type Outcome int

// The outcomes.
const (
	Unknown Outcome = iota // nobody knows whether it is stored
	Acked                  // it is stored
	Refused                // it is not stored
)

// String is the outcome's stable word.
func (o Outcome) String() string { return [...]string{"unknown", "acked", "refused"}[o] }

// Result is what became of a message.
type Result struct {
	Outcome   Outcome
	Reference string // of an acknowledged message, when the server names one
	Replayed  bool   // the message had been stored before, under the same key
	Code      string // the resultCode, the HTTP status, or a word of ours such as "unreachable"
	Text      string // the reason in the server's words, which are a stranger's
	Attempts  int    // how often doLeaveMessage was called

	// Fatal: the server refuses the app itself, so no other message can pass.
	Fatal bool
}

// Client leaves messages. It is safe for use by several goroutines, which share
// its tokens.
type Client struct {
	o    Options
	base string

	access access
	users  users

	// keysHonoured is set once the server has answered as Afterbeep does: from
	// then on a message with an idempotency key can be offered again when its
	// fate is unknown.
	keysHonoured atomic.Bool
}

// New checks the options. It calls nobody yet.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL must look like https://service.example.com, without a query")
	case u.User != nil:
		return nil, errors.New("the URL must not carry a user name or a password")
	case o.AppKey == "":
		return nil, errors.New("the app key is missing")
	case o.AppSecret == "":
		return nil, errors.New("the app secret is missing")
	}
	c := &Client{o: o, base: strings.TrimRight(o.URL, "/")}
	c.users.slots = map[User]*slot{}
	c.setDefaults()
	return c, nil
}

func (c *Client) setDefaults() {
	if c.o.Attempts <= 0 {
		c.o.Attempts = 6
	}
	if c.o.Connections <= 0 {
		c.o.Connections = 8
	}
	if c.o.Now == nil {
		c.o.Now = time.Now
	}
	if c.o.Pause == nil {
		c.o.Pause = pause
	}
	if c.o.Random == nil {
		c.o.Random = rand.Float64
	}
	if c.o.Client == nil {
		c.o.Client = newHTTP(c.o.Connections)
	}
}

// newHTTP keeps idle connections for less time than any server is likely to:
// a request that meets a connection just closed leaves its outcome unknown.
func newHTTP(connections int) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
	t.IdleConnTimeout = 20 * time.Second
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	return &http.Client{
		Transport: t,
		// A redirect would carry the secret to whoever it names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.o.Client.CloseIdleConnections() }

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// wait pauses before the next attempt: as long as the server asked for, but no
// longer than a minute; else twice as long each time. Up to a half is added at
// random, so that many clients do not come back at once.
func (c *Client) wait(ctx context.Context, attempt int, asked time.Duration) error {
	d := asked
	if d <= 0 {
		d = firstPause << min(attempt-1, 7)
	}
	d = min(d, maxPause)
	return c.o.Pause(ctx, d+time.Duration(c.o.Random()*float64(d)/2))
}
