package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// language is one catalogue, and the templates that speak it.
type language struct {
	code  string // as a person's locale: en, zh_CN
	texts map[string]string
	pages map[string]*template.Template
}

// languages in the order in which a browser's wish is tried; the first is what
// is spoken when it wishes for none of them.
func languages() []string { return []string{"en", "zh_CN"} }

// learn reads a catalogue and parses all templates in its words.
func learn(code string, static func(string) string) (*language, error) {
	l := &language{code: code, texts: map[string]string{}, pages: map[string]*template.Template{}}
	b, err := assets.ReadFile("texts/" + code + ".json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &l.texts); err != nil {
		return nil, fmt.Errorf("texts/%s.json: %w", code, err)
	}
	funcs := template.FuncMap{"t": l.t, "tn": l.tn, "static": static, "keys": keySheet}
	base, err := template.New("").Funcs(funcs).ParseFS(assets, "templates/layout.html", "templates/settings.html")
	if err != nil {
		return nil, err
	}
	for name, files := range pages() {
		t, err := base.Clone()
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			b, err := fs.ReadFile(assets, path.Join("templates", f+".html"))
			if err != nil {
				return nil, err
			}
			if t, err = t.Parse(string(b)); err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
		}
		l.pages[name] = t
	}
	return l, nil
}

// pages lists each page's template files; the last one says what it looks like.
func pages() map[string][]string {
	return map[string][]string{
		"desk":     {"thread", "desk"},
		"print":    {"thread", "print"},
		"signin":   {"signin"},
		"code":     {"code"},
		"setup":    {"setup"},
		"problem":  {"problem"},
		"keys":     {"keys"},
		"own":      {"own"},
		"people":   {"person", "people"},
		"person":   {"person"},
		"channels": {"channel", "channels"},
		"channel":  {"channel"},
		"apps":     {"apps"},
		"audit":    {"audit"},
	}
}

// t is a text of the catalogue; {0}, {1} … stand for the arguments. What is not
// in it is an error: a template that asks for it does not render.
func (l *language) t(key any, args ...any) (string, error) {
	text, ok := l.texts[fmt.Sprint(key)]
	if !ok {
		return "", fmt.Errorf("there is no text %q in %s", key, l.code)
	}
	return fill(text, args), nil
}

// tn is t for a number of things: key.one or key.other.
func (l *language) tn(key string, n int) (string, error) {
	if n == 1 {
		return l.t(key+".one", n)
	}
	return l.t(key+".other", n)
}

// say is t where a missing text must not be an error: the key itself shows.
func (l *language) say(key string, args ...any) string {
	if text, err := l.t(key, args...); err == nil {
		return text
	}
	return key
}

// fill puts arguments in their places. A name is isolated, so that one that is
// written from right to left leaves the sentence around it alone.
func fill(text string, args []any) string {
	if len(args) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(args))
	for i, a := range args {
		s := fmt.Sprint(a)
		if _, isText := a.(string); isText {
			s = "\u2068" + shown(s) + "\u2069"
		}
		pairs = append(pairs, "{"+strconv.Itoa(i)+"}", s)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// problem is an error in the reader's language: the catalogue's sentence for its
// kind and code, for its code, or for what only passes with time; else the error's
// own.
func (l *language) problem(e *desk.Error) string {
	for _, key := range []string{"error." + e.Kind.String() + "." + e.Code, "error." + e.Code, "error.kind." + e.Kind.String()} {
		if text, ok := l.texts[key]; ok {
			return text
		}
	}
	if e.Text == "" {
		return l.say("problem." + e.Kind.String())
	}
	return strings.ToUpper(e.Text[:1]) + e.Text[1:] + "."
}

// problemOf is problem of any error.
func (l *language) problemOf(err error) string {
	var e *desk.Error
	if !errors.As(err, &e) {
		return l.say("error.internal")
	}
	return l.problem(e)
}

// wished picks a language for somebody who has not signed in: what the address
// asks for, else the first that the browser accepts and we speak.
func wished(asked, accept string) string {
	for _, code := range languages() {
		if code == asked {
			return code
		}
	}
	for part := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		switch base {
		case "en":
			return "en"
		case "zh":
			return "zh_CN"
		}
	}
	return languages()[0]
}

// binding is one line of the sheet of keys.
type binding struct {
	Name string
	Keys []string
}

// keySheet lists every key. app.js reads what a key does from the page.
func keySheet() []binding {
	return []binding{
		{"move", []string{"j", "k"}},
		{"open", []string{"Enter"}},
		{"claim", []string{"c"}},
		{"outcome", []string{"1", "…", "6"}},
		{"note", []string{"n"}},
		{"close", []string{"e"}},
		{"snooze", []string{"z"}},
		{"assign", []string{"a"}},
		{"undo", []string{"u"}},
		{"number", []string{"s"}},
		{"dial", []string{"t"}},
		{"search", []string{"/"}},
		{"fresh", []string{"r"}},
		{"order", []string{"o"}},
		{"mine", []string{"g", "m"}},
		{"unclaimed", []string{"g", "u"}},
		{"due", []string{"g", "d"}},
		{"waiting", []string{"g", "w"}},
		{"overdue", []string{"g", "o"}},
		{"all", []string{"g", "a"}},
		{"closed", []string{"g", "c"}},
		{"saved", []string{"g", "1", "…", "9"}},
		{"leave", []string{"Esc"}},
		{"keys", []string{"?"}},
	}
}
