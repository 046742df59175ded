package browser

import (
	"bytes"
	"html"
	"time"
)

// Page is an answer, and what is on it. It holds until the browser's next one.
type Page struct {
	Status int
	Took   time.Duration // from the request to the last byte
	Wire   int           // bytes of the body as they came, compressed or not

	body     []byte
	location string
}

// Has says whether the page shows a text.
func (p *Page) Has(text string) bool { return bytes.Contains(p.body, []byte(text)) }

// Rows are the IDs of the threads in the list.
func (p *Page) Rows() (ids []string) {
	for rest := p.body; ; {
		id, after, found := between(rest, `<li id="t-`, `"`)
		if !found {
			return ids
		}
		ids, rest = append(ids, id), after
	}
}

// Next is the address of the list's next rows, or "".
func (p *Page) Next() string { return p.value(`<li class="more" id="more"><a href="`) }

// Thread is the ID of the thread that is open, or "".
func (p *Page) Thread() string { return p.value(`<article class="thread" data-id="`) }

// State is that of the thread that is open.
func (p *Page) State() string { return p.value(`" data-state="`) }

// Mine says that the thread that is open is the reader's.
func (p *Page) Mine() bool { return p.Has(`" data-mine aria-labelledby`) }

// Messages is how many messages the thread that is open shows.
func (p *Page) Messages() int { return bytes.Count(p.body, []byte(`<li class="message">`)) }

// Version is what the form of the thread that is open says about it.
func (p *Page) Version() string { return p.value(`<input type="hidden" name="version" value="`) }

// Problem is what the page says went wrong, or "".
func (p *Page) Problem() string {
	text, _, _ := between(p.body, `role="alert">`, `<`)
	return html.UnescapeString(text)
}

// value is the attribute that begins behind a mark.
func (p *Page) value(mark string) string {
	text, _, _ := between(p.body, mark, `"`)
	return html.UnescapeString(text)
}

func between(b []byte, from, to string) (text string, rest []byte, found bool) {
	_, b, found = bytes.Cut(b, []byte(from))
	if !found {
		return "", nil, false
	}
	inside, rest, found := bytes.Cut(b, []byte(to))
	return string(inside), rest, found
}
