package ui

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/web"
)

// visit is one request of somebody whom we know, or do not know yet.
type visit struct {
	*web.Visit
	ui    *ui
	lang  *language
	zone  *time.Location
	now   time.Time
	me    *desk.Person // nil at the door
	actor desk.Actor
	live  people.Live // her session
}

// zoneCookie is set by a script: in which time zone the browser is.
const zoneCookie = "afterbeep-zone"

func (u *ui) visit(w *web.Visit) *visit {
	v := &visit{Visit: w, ui: u, zone: time.UTC, now: u.Now().UTC()}
	v.lang = u.languages[wished(w.R.URL.Query().Get("lang"), w.R.Header.Get("Accept-Language"))]
	if c, err := w.R.Cookie(zoneCookie); err == nil && len(c.Value) < 64 {
		if name, err := url.PathUnescape(c.Value); err == nil {
			if zone, err := time.LoadLocation(name); err == nil && name != "Local" {
				v.zone = zone
			}
		}
	}
	return v
}

// enter finds out who asks, whether she may, and lets the handler answer.
func (u *ui) enter(r Route) func(*web.Visit) error {
	return func(w *web.Visit) error {
		v := u.visit(w)
		var err error
		if !r.Open {
			err = v.recognise(v.byItself())
		}
		switch {
		case r.Open:
		case err == nil && r.May != "" && !v.actor.May(r.May):
			err = desk.Errorf(desk.Forbidden, "role", "your role does not allow this")
		}
		if err == nil {
			err = r.handle(v)
		}
		if err != nil {
			v.problem(err)
		}
		return err
	}
}

// recognise takes the session's cookie for a person. What a page asks by itself
// is no use of the session: it must not keep somebody signed in who has left.
func (v *visit) recognise(still bool) (err error) {
	text := v.cookie(people.SessionCookie).Read(v.R)
	if still {
		v.live, err = v.ui.People.Watch(v.R.Context(), text)
	} else {
		v.live, err = v.ui.People.Session(v.R.Context(), text)
	}
	if err != nil {
		return err
	}
	v.me, v.actor = &v.live.Person, v.live.Actor(v.address())
	v.Person = v.me.ID.String()
	if l := v.ui.languages[v.me.Locale]; l != nil {
		v.lang = l
	}
	return nil
}

// byItself says that a script asked, and nobody did anything.
func (v *visit) byItself() bool {
	return v.R.URL.Path == "/events" || v.R.Header.Get("Afterbeep-Auto") != ""
}

// address is where the request came from; see web.Behind.
func (v *visit) address() string { return web.Address(v.R) }

// fragment says that a script asks for a part of a page, for that element.
func (v *visit) fragment() (target string, is bool) {
	return v.R.Header.Get("HX-Target"), v.R.Header.Get("HX-Request") == "true"
}

// render writes a page, or a named part of one.
func (v *visit) render(status int, page, part string, data any) error {
	b, err := v.rendered(page, part, data)
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "HX-Request, HX-Target, Cookie, Accept-Language")
	v.Body(status, b)
	return nil
}

func (v *visit) rendered(page, part string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := v.lang.pages[page].ExecuteTemplate(&b, part, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// shell is what every page has around it.
type shell struct {
	Title, Query string
	Me           *desk.Person
	Views        []viewLink
	Saved        []savedLink
	OOB          bool // a part that brings the left pane along
	Seq          int64
	Problem      string
	Good         string
	Tabs         []tab
}

func (v *visit) shell(title string, args ...any) shell {
	s := shell{Title: v.lang.say(title, args...), Me: v.me}
	if v.me != nil {
		s.Seq = v.ui.Feed.Head(v.me.Tenant)
	}
	return s
}

// trouble is the page of an error.
type trouble struct {
	shell
	Href string
}

// problem answers an error. Whoever is not signed in is sent to do so; a script
// gets a sentence instead of a page.
func (v *visit) problem(err error) {
	var e *desk.Error
	if !errors.As(err, &e) {
		e = desk.Errorf(desk.Internal, "internal", "something broke here; it is in the log")
	}
	_, part := v.fragment()
	if e.Kind == desk.Unauthenticated && v.me == nil {
		v.toSignIn(part)
		return
	}
	if e.RetryAfter > 0 {
		v.W.Header().Set("Retry-After", "1")
	}
	page := trouble{v.shell("problem." + e.Kind.String()), "/"}
	page.Problem = v.lang.problem(e)
	name, block := "problem", "page"
	if part {
		v.W.Header().Set("HX-Retarget", "#problem")
		v.W.Header().Set("HX-Reswap", "innerHTML")
		v.W.Header().Set("HX-Push-Url", "false")
		block = "problem"
	}
	if err := v.render(status(e.Kind), name, block, page); err != nil {
		http.Error(v.W, page.Problem, status(e.Kind))
	}
}

func (v *visit) toSignIn(part bool) {
	next := "/"
	switch {
	case part: // what the address bar holds
		if u, err := url.Parse(v.R.Header.Get("HX-Current-URL")); err == nil {
			next = local(u.RequestURI())
		}
	case v.R.Method == http.MethodGet:
		next = v.R.URL.RequestURI()
	}
	to := "/sign-in"
	if next != "/" {
		to += "?next=" + url.QueryEscape(next)
	}
	switch {
	case part:
		v.W.Header().Set("HX-Redirect", to)
		v.W.WriteHeader(http.StatusUnauthorized)
	case v.R.URL.Path == "/events":
		v.W.WriteHeader(http.StatusUnauthorized)
	default:
		v.Go(to)
	}
}

// local is a path of ours to go on to, or the inbox.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// origin is how the browser reached us.
func (v *visit) origin() string {
	if v.ui.Address != "" {
		return v.ui.Address
	}
	if v.https() {
		return "https://" + v.R.Host
	}
	return "http://" + v.R.Host
}
