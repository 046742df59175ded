package walls_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/ui"
)

var aName = regexp.MustCompile(`\{(\w+)(?:\.\.\.)?\}`)

// kinds says what the names in paths and queries stand for. What is not here is
// tried with everything.
var kinds = map[string][]string{
	"id": {"thread", "message"}, "thread": {"thread", "message"}, "message": {"message", "reference"},
	"channel": {"channel"}, "person": {"person"}, "owner": {"person"}, "app": {"app"},
	"cursor": {"thread"}, "before": {"thread"}, "after": {"small"}, "secret": {"secret"}, "small": {"small"},
	"q": {"words"}, "text": {"words"}, "caller": {"callers"}, "since": {"times"}, "limit": {"small"}, "lang": {"languages"},
}

// world is the values of a kind, of all tenants.
func (c *crawl) world(kind string) (all []string) {
	switch kind {
	case "small":
		return []string{"0", "1", "2", "7", "200"}
	case "secret":
		return []string{"1.x", "2." + strings.Repeat("A", 43)}
	case "times":
		return []string{"week", "2020-01-01T00:00:00Z"}
	case "languages":
		return []string{"en", "zh_CN"}
	case "callers":
		all = append(all, callers...)
		return append(all, "0001", "+86 138 1234 0002", "138")
	}
	for _, tn := range c.tenants {
		if kind == "words" {
			all = append(all, tn.find, tn.ids["reference"][0])
			continue
		}
		all = append(all, tn.ids[kind]...)
	}
	switch kind {
	case "words":
		all = append(all, "call", "请回", "0001", "Li", "13812340002")
	case "person":
		slices.Sort(all)
		all = append(slices.Compact(all), "0", "99")
	case "channel", "thread", "message":
		all = append(all, "202611230000000001")
	}
	return all
}

func (c *crawl) valuesOf(name string) (all []string) {
	named, known := kinds[name]
	if !known {
		named = []string{"thread", "channel", "person", "app", "reference", "words"}
	}
	for _, kind := range named {
		all = append(all, c.world(kind)...)
	}
	return all
}

// filled is a path with every value for its names, or with every so many'th.
func (c *crawl) filled(path string, step int) []string {
	all := []string{strings.TrimSuffix(path, "{$}")}
	for _, m := range aName.FindAllStringSubmatch(path, -1) {
		var next []string
		values := c.valuesOf(m[1])
		for _, p := range all {
			for i := 0; i < len(values); i += step {
				v := values[i]
				next = append(next, strings.Replace(p, m[0], url.PathEscape(v), 1))
			}
		}
		all = next
	}
	return all
}

// pages asks for every page as that person, or as nobody.
func (c *crawl) pages(who audience, as *visitor) {
	want := func(path, part string) {
		q := question{who, as, path, part}
		c.want(q)
		if who.of != nil {
			c.again = append(c.again, q)
		}
	}
	for _, r := range ui.Routes() {
		if r.Method != http.MethodGet || endless(r.Path) {
			continue
		}
		for _, path := range c.filled(r.Path, 1) {
			want(path, "")
			if who.of != nil && strings.HasPrefix(path, "/thread/") && !strings.HasSuffix(path, "/print") {
				want(path, "thread")
			}
		}
	}
	if who.of == nil {
		return
	}
	for _, list := range []string{"/?", "/search?"} {
		for _, view := range desk.Views() {
			want(list+"view="+string(view), "")
			want(list+"view="+string(view), "list")
			want(list+"view="+string(view), "more")
		}
		for _, name := range []string{"channel", "owner", "q", "since", "before"} {
			for _, v := range c.valuesOf(name) {
				want(list+url.Values{"view": {"all"}, name: {v}}.Encode(), "")
			}
		}
		for _, o := range desk.Outcomes() {
			want(list+"view=all&outcome="+string(o), "")
		}
	}
}

// operation is one GET of the document of /v1.
type operation struct {
	path   string
	params []parameter
	stream bool
}

type parameter struct {
	Name, In string
	Schema   struct {
		Enum []any
		Type any
	}
}

// operations reads the document.
func operations(h *house) (all []operation) {
	h.t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	a := h.visitor("nobody").get("/v1/openapi.json")
	must(h.t, json.Unmarshal(a.body, &document))
	for path, methods := range document.Paths {
		raw, ok := methods["get"]
		if !ok {
			continue
		}
		var get struct {
			Parameters []parameter
			Responses  map[string]struct{ Content map[string]any }
		}
		must(h.t, json.Unmarshal(raw, &get))
		op := operation{path: path, params: get.Parameters}
		for _, r := range get.Responses {
			_, event := r.Content["text/event-stream"]
			op.stream = op.stream || event
		}
		all = append(all, op)
	}
	if len(all) < 10 {
		h.t.Fatalf("the document of /v1 has %d operations to read with", len(all))
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path, b.path) })
	return all
}

// programs asks for every operation with that key, each parameter by itself.
func (c *crawl) programs(who audience, as *visitor, all []operation, deep bool) {
	step := 20 // with a key that may do one thing, what stands for all the rest
	if deep {
		step = 1
	}
	for _, op := range all {
		if op.stream {
			continue
		}
		for _, path := range c.filled(op.path, step) {
			c.want(question{who, as, path, ""})
		}
		path := c.filled(op.path, 1)[0]
		for _, p := range op.params {
			if p.In != "query" || !deep {
				continue
			}
			for _, v := range c.choices(p) {
				q := question{who, as, path + "?" + url.Values{p.Name: {v}}.Encode(), ""}
				c.want(q)
				c.again = append(c.again, q)
			}
		}
	}
}

func (c *crawl) choices(p parameter) (all []string) {
	for _, v := range p.Schema.Enum {
		all = append(all, fmt.Sprint(v))
	}
	if p.Schema.Type == "boolean" {
		return []string{"true", "false"}
	}
	if len(all) == 0 {
		all = c.valuesOf(p.Name)
	}
	return all
}
