package ui

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/web"
)

// cookie is one of ours as this connection carries it.
func (v *visit) cookie(name string) web.Cookie {
	c := web.Cookie{Name: people.CookieName(name, v.https()), Secure: v.https()}
	switch name {
	case people.DeviceCookie:
		c.Life = people.DeviceTTL
	case people.FlowCookie:
		c.Life = people.FlowTTL
	}
	return c
}

// https says whether the browser's connection is encrypted, here or by what
// stands in front.
func (v *visit) https() bool {
	return strings.HasPrefix(v.ui.Address, "https://") || web.HTTPS(v.R)
}

// exposed: what is typed here can be read on its way.
func (v *visit) exposed() bool {
	host := v.R.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return !v.https() && host != "localhost" && (ip == nil || !ip.IsLoopback())
}

func (v *visit) browser() people.Browser {
	return people.Browser{
		Address: v.address(), Agent: desk.AgentWords(v.R.UserAgent()),
		Device: v.cookie(people.DeviceCookie).Read(v.R), Old: v.cookie(people.SessionCookie).Read(v.R),
	}
}

// signInPage asks for login and password.
type signInForm struct {
	shell
	Login, Next, Desk string
	Elsewhere         string
	Exposed           bool
}

func (v *visit) signInPage() error { return v.askSignIn(http.StatusOK, "", "") }

func (v *visit) askSignIn(status int, login, problem string) error {
	page := signInForm{
		shell: v.shell("signin"), Login: login, Exposed: v.exposed(),
		Next: local(v.R.FormValue("next")), Desk: v.R.FormValue("desk"),
	}
	page.Me, page.Problem = nil, problem
	if v.ui.OIDC != nil {
		page.Elsewhere = v.ui.Elsewhere
	}
	if v.R.URL.Query().Get("did") == "bye" {
		page.Good = v.lang.say("signin.bye")
	}
	return v.render(status, "signin", "page", page)
}

func (v *visit) signIn() error {
	if err := v.Form(); err != nil {
		return err
	}
	c := people.Credentials{Tenant: desk.DefaultTenant, Login: v.R.PostFormValue("login"), Password: v.R.PostFormValue("password")}
	var err error
	if name := v.R.PostFormValue("desk"); name != "" {
		var t desk.Tenant
		t, err = v.ui.Rooms.Tenant(v.R.Context(), name)
		c.Tenant = t.ID
	}
	var in people.SignedIn
	if err == nil {
		in, err = v.ui.People.SignIn(v.R.Context(), c, v.browser())
	}
	if err != nil {
		if desk.KindOf(err) == desk.Missing {
			err = desk.Errorf(desk.Unauthenticated, "signin_wrong", "the login or the password is not right")
		}
		return v.again(err, func(text string) error { return v.askSignIn(status(desk.KindOf(err)), c.Login, text) })
	}
	return v.signedIn(in)
}

// signedIn lets somebody in, or asks for the second factor.
func (v *visit) signedIn(in people.SignedIn) error {
	next := local(v.R.FormValue("next"))
	if in.Second != "" {
		return v.askCode(http.StatusOK, in.Second, next, "")
	}
	v.cookie(people.SessionCookie).Set(v.W, in.Cookie)
	if in.Device != "" {
		v.cookie(people.DeviceCookie).Set(v.W, in.Device)
	}
	v.Person = in.Person.ID.String()
	v.Go(next)
	return nil
}

// codeForm asks for the second factor. Its ticket is sealed.
type codeForm struct {
	shell
	Ticket, Next string
}

func (v *visit) askCode(status int, ticket, next, problem string) error {
	page := codeForm{v.shell("code.title"), ticket, next}
	page.Me, page.Problem = nil, problem
	return v.render(status, "code", "page", page)
}

func (v *visit) code() error {
	if err := v.Form(); err != nil {
		return err
	}
	ticket := v.R.PostFormValue("ticket")
	in, err := v.ui.People.SecondFactor(v.R.Context(), ticket, v.R.PostFormValue("code"), v.browser())
	if err != nil {
		return v.again(err, func(text string) error {
			return v.askCode(status(desk.KindOf(err)), ticket, local(v.R.FormValue("next")), text)
		})
	}
	return v.signedIn(in)
}

var errNoElsewhere = desk.Errorf(desk.Missing, "oidc", "nobody else signs people in here")

// elsewhere sends the browser to the OpenID Connect provider.
func (v *visit) elsewhere() error {
	if v.ui.OIDC == nil {
		return errNoElsewhere
	}
	to, flow, err := v.ui.OIDC.Begin(v.R.Context())
	if err != nil {
		return err
	}
	v.cookie(people.FlowCookie).Set(v.W, flow)
	http.Redirect(v.W, v.R, to, http.StatusSeeOther)
	return nil
}

// back is where the provider sends the browser.
func (v *visit) back() error {
	if v.ui.OIDC == nil {
		return errNoElsewhere
	}
	get := v.R.URL.Query().Get
	flow := v.cookie(people.FlowCookie)
	in, err := v.ui.OIDC.Finish(v.R.Context(), people.Return{
		Flow: flow.Read(v.R), State: get("state"), Code: get("code"), Error: get("error"), Issue: get("iss"),
	}, v.browser())
	flow.Clear(v.W)
	if err != nil {
		return v.again(err, func(text string) error { return v.askSignIn(status(desk.KindOf(err)), "", text) })
	}
	return v.signedIn(in)
}

// linkForm is behind a one-time link: the first account, or a password.
type linkForm struct {
	shell
	Action, Name, Login string
	Invited             bool
}

func (v *visit) link() error {
	return v.askLink(http.StatusOK, linkForm{}, "")
}

func (v *visit) askLink(status int, form linkForm, problem string) error {
	p, err := v.ui.People.Invited(v.R.Context(), v.R.PathValue("secret"))
	if err != nil {
		return err
	}
	form.Action, form.Invited = v.R.URL.EscapedPath()+"?lang="+v.lang.code, p.ID != 0
	title := "setup.title"
	if form.Invited {
		form.Name, form.Login, title = p.Name, p.Login, "invite.title"
	}
	form.shell = v.shell(title)
	form.Me, form.Problem = nil, problem
	return v.render(status, "setup", "page", form)
}

func (v *visit) accept() error {
	if err := v.Form(); err != nil {
		return err
	}
	form := v.R.PostFormValue
	in, err := v.ui.People.Accept(v.R.Context(), people.Acceptance{
		Token: v.R.PathValue("secret"), Password: form("password"),
		Login: form("login"), Name: strings.TrimSpace(form("name")), Locale: v.lang.code,
	}, v.browser())
	if err != nil {
		return v.again(err, func(text string) error {
			return v.askLink(status(desk.KindOf(err)), linkForm{Name: form("name"), Login: form("login")}, text)
		})
	}
	v.ui.names.changed(in.Person.Tenant)
	return v.signedIn(in)
}

func (v *visit) signOut() error {
	session := v.cookie(people.SessionCookie)
	if err := v.ui.People.SignOut(v.R.Context(), session.Read(v.R), v.address()); err != nil {
		return err
	}
	session.Clear(v.W)
	v.Go("/sign-in?" + url.Values{"did": {"bye"}, "lang": {v.lang.code}}.Encode())
	return nil
}
