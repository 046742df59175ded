package walls_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// needle is something of one tenant's that no other may be shown.
type needle struct {
	of    *tenant
	what  string
	asked bool // others ask for it, so an answer may repeat it to whoever did
}

// watch looks for needles in all that is answered.
type watch struct {
	tenants []*tenant
	needles map[string]needle
	marks   map[*tenant][]byte

	mu       sync.Mutex
	answers  int
	bytes    int
	own      map[*tenant]map[string]int // how often its own people were shown what
	statuses map[int]int
	leaks    map[string]int // by what and where
	examples []string
}

func newWatch(tenants []*tenant) *watch {
	w := &watch{
		tenants: tenants, needles: map[string]needle{}, marks: map[*tenant][]byte{},
		own: map[*tenant]map[string]int{}, statuses: map[int]int{}, leaks: map[string]int{},
	}
	for _, tn := range tenants {
		w.marks[tn], w.own[tn] = []byte(tn.mark), map[string]int{}
		for _, field := range fields {
			w.needles[tn.word(field)] = needle{tn, field, false}
		}
		for _, secret := range tn.secret {
			w.needles[secret] = needle{tn, "secret", false}
		}
		w.needles[tn.find] = needle{tn, "searched word", true}
		for _, kind := range slices.Sorted(maps.Keys(tn.ids)) { // a thread has the number of its first message
			for _, id := range tn.ids[kind] {
				if kind != "person" { // 1, 2, 3 in every tenant
					w.needles[id] = needle{tn, kind, true}
				}
			}
		}
	}
	return w
}

func (w *watch) words() int { return len(w.needles) + len(w.marks) }

// audience is who was answered.
type audience struct {
	of      *tenant // nil: nobody of any
	limited bool    // to the first channel
	name    string
	where   string // what she was shown it in, when that is no page
}

// look searches an answer to what was asked.
func (w *watch) look(who audience, asked string, status int, text []byte) {
	found := map[needle]bool{}
	each(text, func(word []byte) {
		if n, ok := w.needles[string(word)]; ok {
			found[n] = true
		}
	})
	foreign := map[string]string{}
	own := map[string]int{}
	for n := range found {
		switch {
		case n.of != who.of:
			if !n.asked || !w.echo(n, text, asked) {
				foreign["another tenant's "+n.what] = n.of.name
			}
		case who.limited && strings.HasPrefix(n.what, "hidden"):
			foreign["another channel's "+n.what] = n.of.name
		default:
			own[n.what]++
		}
	}
	for tn, mark := range w.marks {
		if tn != who.of && len(foreign) == 0 && bytes.Contains(text, mark) {
			foreign["another tenant's canary in some disguise"] = tn.name
		}
	}
	w.note(who, asked, status, text, foreign, own)
}

// echo: everything of that kind which the answer shows was in the question. The
// audit log repeats what its own people and programs have asked for before.
func (w *watch) echo(n needle, text []byte, asked string) bool {
	only := true
	if strings.HasPrefix(asked, "/settings/audit") || strings.HasPrefix(asked, "audit ") {
		return true
	}
	each(text, func(word []byte) {
		if found := w.needles[string(word)]; found == n && !strings.Contains(asked, string(word)) {
			only = false
		}
	})
	return only
}

func (w *watch) note(who audience, asked string, status int, text []byte, foreign map[string]string, own map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers++
	w.bytes += len(text)
	w.statuses[status]++
	for what, n := range own {
		w.own[who.of][what] += n
	}
	for what := range foreign {
		w.leaks[what+who.where]++
		w.say("%s was shown %s: %s (%d)", who.name, what, asked, status)
	}
}

// wrong notes an answer that is no leak and must not be, either.
func (w *watch) wrong(what, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaks[what]++
	w.say(format, args...)
}

func (w *watch) say(format string, args ...any) {
	if len(w.examples) < 12 {
		w.examples = append(w.examples, fmt.Sprintf(format, args...))
	}
}

// each calls do with every word of the text: runs of letters and digits, and
// those that hyphens and underscores join.
func each(text []byte, do func(word []byte)) {
	const least = 8
	run, joined := 0, 0 // where they begin
	for i := 0; i <= len(text); i++ {
		kind := byte(0)
		if i < len(text) {
			kind = class[text[i]]
		}
		if kind == 'w' {
			continue
		}
		if i-run >= least {
			do(text[run:i])
		}
		run = i + 1
		if kind == '-' {
			continue
		}
		if i-joined >= least && bytes.ContainsAny(text[joined:i], "-_") {
			do(text[joined:i])
		}
		joined = i + 1
	}
}

var class = func() (c [256]byte) {
	for i := range c {
		switch b := byte(i); {
		case b >= '0' && b <= '9', b|0x20 >= 'a' && b|0x20 <= 'z':
			c[i] = 'w'
		case b == '-', b == '_':
			c[i] = '-'
		}
	}
	return c
}()

// readable is all of an answer that somebody could read: headers, trailers and
// the body, that of a spreadsheet unpacked.
func readable(a answer) []byte {
	var b bytes.Buffer
	_ = a.header.Write(&b)
	_ = a.trailer.Write(&b)
	if !bytes.HasPrefix(a.body, []byte("PK\x03\x04")) {
		b.Write(a.body)
		return b.Bytes()
	}
	pack, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	if err != nil {
		return append(b.Bytes(), a.body...)
	}
	for _, f := range pack.File {
		b.WriteString(f.Name + "\n")
		if in, err := f.Open(); err == nil {
			_, _ = io.Copy(&b, in)
			_ = in.Close()
		}
	}
	return b.Bytes()
}

// unseen lists the canaries of a tenant that none of its own was shown: of them
// it is not known whether anybody else could have been.
func (w *watch) unseen() (missing []string) {
	for _, tn := range w.tenants {
		for _, what := range slices.Concat(slices.Collect(maps.Keys(tn.ids)), fields) {
			if w.own[tn][what] == 0 {
				missing = append(missing, tn.name+"'s "+what)
			}
		}
	}
	return missing
}
