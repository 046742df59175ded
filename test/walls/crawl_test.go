package walls_test

import (
	"encoding/json"
	"html"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// question is one thing to ask for.
type question struct {
	who  audience
	as   *visitor
	path string
	part string // of a page: the element that a script asks for, or ""
}

// crawl asks every question once, and for every path that the answers lead to,
// in the order of chance. Until there are enough answers it goes on: with the
// same paths under other filters, as the answers name them, and then as chance
// makes them up.
type crawl struct {
	*watch
	most   int // answers at which it stops in any case; 0: none
	least  int // answers until which it goes on
	chance *rand.Rand
	again  []question // addresses to ask again in other words

	lock  sync.Mutex
	open  []question // to be asked
	spare []question // to be asked while there are not enough answers
	known map[string]bool
	busy  int
	moved *sync.Cond
}

func newCrawl(w *watch, chance *rand.Rand) *crawl {
	c := &crawl{watch: w, chance: chance, known: map[string]bool{}}
	c.moved = sync.NewCond(&c.lock)
	return c
}

// want adds a question, unless it was asked before.
func (c *crawl) want(q question) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.fresh(q.who.name + " " + q.part + " " + q.path) {
		c.open = append(c.open, q)
		c.moved.Signal()
	}
}

func (c *crawl) fresh(name string) bool {
	was := c.known[name]
	c.known[name] = true
	return !was
}

// met adds where an answer leads to.
func (c *crawl) met(q question) {
	path, _, _ := strings.Cut(q.path, "?")
	c.lock.Lock()
	defer c.lock.Unlock()
	switch bare := c.fresh(q.who.name + "  " + path); {
	case path == q.path && !bare, !c.fresh(q.who.name+"  "+q.path) && path != q.path:
	case bare:
		c.open = append(c.open, q)
		c.moved.Signal()
	default:
		c.spare = append(c.spare, q)
		c.moved.Signal()
	}
}

// any takes one of some questions.
func (c *crawl) any(from *[]question) question {
	all := *from
	i := c.chance.IntN(len(all))
	q := all[i]
	all[i] = all[len(all)-1]
	*from = all[:len(all)-1]
	c.busy++
	return q
}

// next takes a question; false when there will be none any more.
func (c *crawl) next() (q question, more bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	for {
		asked := c.asked()
		switch {
		case c.most > 0 && asked >= c.most:
			return q, false
		case len(c.open) > 0:
			return c.any(&c.open), true
		case asked+c.busy < c.least && len(c.spare) > 0:
			return c.any(&c.spare), true
		case asked+c.busy < c.least:
			c.busy++
			return c.invent(), true
		case c.busy == 0:
			c.moved.Broadcast()
			return q, false
		}
		c.moved.Wait()
	}
}

func (c *crawl) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers
}

func (c *crawl) done() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.busy--
	c.moved.Broadcast()
}

// run asks with so many at once.
func (c *crawl) run(workers int) {
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for q, more := c.next(); more; q, more = c.next() {
				c.ask(q)
				c.done()
			}
			c.lock.Lock()
			defer c.lock.Unlock()
			c.moved.Broadcast()
		})
	}
	all.Wait()
}

func (c *crawl) ask(q question) {
	var header []string
	if q.part != "" {
		header = []string{"HX-Request", "true", "HX-Target", q.part}
	}
	a, err := q.as.send(http.MethodGet, q.path, "", header...)
	if err != nil {
		c.wrong("no answer", "%s %s: %v", q.who.name, q.path, err)
		return
	}
	c.look(q.who, q.path, a.status, readable(a))
	if a.status >= 500 {
		c.wrong("an answer of a server that broke", "%s %s: %d %s", q.who.name, q.path, a.status, short(a.body, 200))
	}
	refused := slices.Contains([]int{404, 403, 401, 303}, a.status) || a.status == 422 && strings.HasPrefix(q.path, "/v1/") // before anybody looked
	if other := c.othersIn(q.path, q.who); other != "" && !refused {
		c.wrong("another tenant's "+other+" as if it were there", "%s %s: %d", q.who.name, q.path, a.status)
	}
	if q.part == "" {
		c.follow(q, a)
	}
}

// othersIn says of what kind the thing of another tenant is that a path names.
func (c *crawl) othersIn(path string, who audience) string {
	path, _, _ = strings.Cut(path, "?")
	for part := range strings.SplitSeq(path, "/") {
		if n, ok := c.needles[part]; ok && n.of != who.of {
			return n.what
		}
	}
	return ""
}

var (
	aLink = regexp.MustCompile(`(?:href|src|action|hx-get)="([^"]*)"`)
	aNext = regexp.MustCompile(`"(?:next|href|url|link|Location)":\s*("(?:[^"\\]|\\.)*")`)
)

// follow asks for what an answer points at.
func (c *crawl) follow(q question, a answer) {
	var found []string
	kind := a.header.Get("Content-Type")
	switch {
	case strings.HasPrefix(kind, "text/html"):
		for _, m := range aLink.FindAllSubmatch(a.body, -1) {
			found = append(found, html.UnescapeString(string(m[1])))
		}
	case strings.Contains(kind, "json"):
		for _, m := range aNext.FindAllSubmatch(a.body, -1) {
			var s string
			if json.Unmarshal(m[1], &s) == nil {
				found = append(found, s)
			}
		}
	}
	if to := a.header.Get("Location"); to != "" {
		found = append(found, to)
	}
	from, err := url.Parse(q.path)
	if err != nil {
		return
	}
	for _, link := range found {
		to, err := from.Parse(link)
		if err != nil || to.Host != "" || to.Scheme != "" || strings.HasPrefix(to.Path, "/v1") != (q.as.key != "") || endless(to.Path) {
			continue
		}
		to.Fragment = ""
		c.met(question{q.who, q.as, to.RequestURI(), ""})
	}
}

// endless: a stream, which is listened to elsewhere.
func endless(path string) bool { return path == "/events" || strings.HasSuffix(path, "/events/stream") }

// invent asks for something known in other words: two filters at once, another
// page, a part instead of the whole.
func (c *crawl) invent() question {
	q := c.again[c.chance.IntN(len(c.again))]
	u, err := url.Parse(q.path)
	if err != nil {
		return q
	}
	values := u.Query()
	for range 2 {
		more := c.again[c.chance.IntN(len(c.again))]
		other, err := url.Parse(more.path)
		if err == nil && other.Path == u.Path {
			for name, some := range other.Query() {
				values[name] = some
			}
		}
	}
	u.RawQuery = values.Encode()
	q.path = u.RequestURI()
	return q
}
