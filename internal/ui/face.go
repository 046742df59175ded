package ui

import (
	"net/url"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// faces are what a changed thread looks like in a list, to whom. Two hundred
// screens see it in a few ways only, and to render it for each of them would cost
// more than all the rest of a change.
type faces struct {
	mu   sync.Mutex // held while rendering: who asks meanwhile waits for that
	seen map[angle]face
}

// angle is all that a row depends on, besides its thread and the tenant's names.
type angle struct {
	lang          string
	zone          string
	numbers, mine bool
	at            int64 // in steps, so that "3 min" is not much older
}

type face struct{ caller, html string }

const (
	faceStep   = 5 * time.Second
	mostAngles = 16 // of one thread; a screen that comes back later sees it anew
)

// face renders the row of a thread, or gives what was rendered for somebody who
// sees the same.
func (v *visit) face(th *desk.Thread, all *faces, names *roll) (face, error) {
	a := angle{
		lang: v.lang.code, zone: v.zone.String(), numbers: v.actor.May(desk.NumbersSee), mine: v.mine(th),
		at: v.now.UnixNano() / int64(faceStep),
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if f, ok := all.seen[a]; ok {
		return f, nil
	}
	r := v.row(th, names, url.Values{})
	html, err := v.rendered("desk", "row", r)
	if err != nil {
		return face{}, err
	}
	if all.seen == nil || len(all.seen) >= mostAngles {
		all.seen = map[angle]face{}
	}
	f := face{r.Caller, string(html)}
	all.seen[a] = f
	return f, nil
}
