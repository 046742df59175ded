package walls_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

const mostEvaluated = 100

func TestC7GuessingIsLimitedWithoutLockingTheOwnerOut(t *testing.T) {
	guesses := rig.Times(1500, 10000)
	t.Run("SQLite", func(t *testing.T) {
		rig.Prove(t, guessing(onSQLite), guesses, rig.Control{Variant: "free-guesses", Times: mostEvaluated + 20, Finds: "guesses were evaluated"})
	})
	t.Run("PostgreSQL", func(t *testing.T) { rig.Prove(t, guessing(onPostgreSQL(t)), guesses) })
}

// attack is guesses on one account.
type attack struct {
	h         *house
	strangers *http.Client

	evaluated, refused, owner atomic.Int64
	mu                        sync.Mutex
	strange                   map[string]int // answers that are neither
}

// guessing sends guesses at one account from two thousand addresses, and some
// with a stolen session where the password is changed; the owner signs in and out
// on her own device meanwhile.
func guessing(on engine) rig.Trial {
	return func(t *testing.T, teeth string, times int) (f rig.Findings) {
		t.Helper()
		h := newHouse(t, on, teeth)
		link := made[struct{ Link string }](h, "default", "user", "create", "--login", "ann", "--name", "Ann").Link
		ann, thief := h.visitor("ann"), h.visitor("a thief")
		ann.accept(link)
		thief.post("/sign-in", url.Values{"login": {"ann"}, "password": {password}}) // what is stolen is this session
		x := &attack{h: h, strange: map[string]int{}, strangers: &http.Client{
			Timeout:       30 * time.Second,
			Transport:     &http.Transport{DialContext: fromAfar, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
		defer x.strangers.CloseIdleConnections()
		stop := make(chan struct{})
		var owner sync.WaitGroup
		owner.Go(func() { x.ownerWorks(ann, stop) })
		x.guess(times, thief)
		close(stop)
		owner.Wait()
		f.Line = fmt.Sprintf("%d guesses: %d evaluated, %d refused unseen; the owner signed in %d times meanwhile",
			times, x.evaluated.Load(), x.refused.Load(), x.owner.Load())
		if n := x.evaluated.Load(); n > mostEvaluated || n == 0 {
			f.Breaks("%d guesses were evaluated", n)
		}
		if x.owner.Load() == 0 {
			f.Breaks("the owner never got in")
		}
		for what, n := range x.strange {
			f.Breaks("%d × %s", n, what)
		}
		return f
	}
}

type addressKey struct{}

// fromAfar connects from the address that the context names, of which a machine
// has sixteen million to itself.
func fromAfar(ctx context.Context, network, to string) (net.Conn, error) {
	n, _ := ctx.Value(addressKey{}).(int)
	from := net.IPv4(127, 77, byte(n/250), byte(1+n%250))
	return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).DialContext(ctx, network, to)
}

// guess sends so many, eight at a time; each tenth where a thief of the session
// would.
func (x *attack) guess(times int, thief *visitor) {
	home, err := url.Parse(x.h.server.URL)
	must(x.h.t, err)
	session := ""
	for _, c := range thief.client.Jar.Cookies(home) {
		if c.Name == "afterbeep" {
			session = "afterbeep=" + c.Value
		}
	}
	var all sync.WaitGroup
	var next atomic.Int64
	for range 8 {
		all.Go(func() {
			for {
				n := int(next.Add(1))
				if n > times {
					return
				}
				path, form, cookie := "/sign-in", url.Values{"login": {"ann"}, "password": {fmt.Sprintf("a guess, the %d.", n)}}, ""
				if n%10 == 0 {
					path, form, cookie = "/settings/password", url.Values{"old": form["password"], "new": {"one that nobody would think of"}}, session
				}
				x.note(path, n, form, cookie)
			}
		})
	}
	all.Wait()
}

func (x *attack) note(path string, n int, form url.Values, cookie string) {
	ctx := context.WithValue(x.h.t.Context(), addressKey{}, n%2000)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, x.h.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		x.count(err.Error())
		return
	}
	r.Header.Set("Content-Type", aForm)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	res, err := x.strangers.Do(r)
	if err != nil {
		x.count(err.Error())
		return
	}
	_ = res.Body.Close()
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusUnprocessableEntity:
		x.evaluated.Add(1)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable: // the second is a queue before the hashing
		x.refused.Add(1)
	default:
		x.count(fmt.Sprintf("%s answers %d", path, res.StatusCode))
	}
}

func (x *attack) count(what string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.strange[what]++
}

// ownerWorks signs in again and again, on the device that she has used before.
func (x *attack) ownerWorks(ann *visitor, stop <-chan struct{}) {
	beat := time.NewTicker(500 * time.Millisecond)
	defer beat.Stop()
	for {
		a, err := ann.send(http.MethodPost, "/sign-in", url.Values{"login": {"ann"}, "password": {password}}.Encode(), "Content-Type", aForm)
		switch {
		case err != nil:
			x.count("the owner: " + err.Error())
		case a.status != http.StatusSeeOther:
			x.count(fmt.Sprintf("the owner is refused: %d", a.status))
		default:
			x.owner.Add(1)
		}
		select {
		case <-stop:
			return
		case <-beat.C:
		}
	}
}
