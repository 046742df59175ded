package ui

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// personForm is somebody as an administrator sees her.
type personForm struct {
	ID, Name, Login, Locale string
	RoleText, Channels      string
	Disabled, Second        bool
	Seen                    stamp
	Roles, ChannelChoice    []option
}

type peoplePage struct {
	shell
	Link   string // a one-time link, shown once
	People []personForm
	New    personForm
}

type personPage struct {
	shell
	Link   string
	Person personForm
}

func (v *visit) personForm(p *desk.Person, names *roll) personForm {
	f := personForm{
		Name: p.Name, Login: p.Login, Locale: p.Locale, RoleText: v.lang.say("role." + string(p.Role)),
		Disabled: p.Disabled, Second: p.TOTP != nil, Seen: v.at(p.SeenAt),
	}
	if p.ID != 0 {
		f.ID = p.ID.String()
	}
	var only []string
	for i := range names.channels {
		c := &names.channels[i]
		in := slices.Contains(p.Channels, c.ID)
		f.ChannelChoice = append(f.ChannelChoice, option{c.ID.String(), shown(c.Name), in})
		if in {
			only = append(only, shown(c.Name))
		}
	}
	f.Channels = strings.Join(only, ", ")
	for _, r := range desk.Roles() {
		f.Roles = append(f.Roles, option{string(r), v.lang.say("role." + string(r)), r == p.Role})
	}
	return f
}

func (v *visit) people() error {
	return v.peoplePage(http.StatusOK, &desk.Person{Role: desk.RoleAgent, Locale: v.lang.code}, "", "")
}

func (v *visit) peoplePage(status int, fresh *desk.Person, link, problem string) error {
	s, err := v.settings("people")
	if err != nil {
		return err
	}
	all, err := v.ui.People.List(v.R.Context(), &v.actor)
	if err != nil {
		return err
	}
	names, err := v.ui.names.roll(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return err
	}
	page := peoplePage{shell: s, Link: link, New: v.personForm(fresh, names)}
	page.New.ID, page.Problem = "", problem
	for i := range all {
		page.People = append(page.People, v.personForm(&all[i], names))
	}
	return v.render(status, "people", "page", page)
}

// readPerson gives what takes the form over into a person. A channel that is not
// there is no limit to be kept: she would see nothing, and the page would say all.
func (v *visit) readPerson() (into func(*desk.Person), err error) {
	form := v.R.PostForm
	all, err := v.ui.Channels.Channels(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return nil, err
	}
	var only []desk.ChannelID
	for _, s := range form["channel"] {
		i := slices.IndexFunc(all, func(c desk.Channel) bool { return c.ID.String() == s })
		if i < 0 {
			return nil, errNoChannel
		}
		only = append(only, all[i].ID)
	}
	return func(p *desk.Person) {
		p.Name, p.Login = strings.TrimSpace(form.Get("name")), form.Get("login")
		p.Role, p.Locale, p.Channels = desk.Role(form.Get("role")), form.Get("locale"), only
	}, nil
}

func (v *visit) inviteLink(token string) string { return v.origin() + "/invite/" + token }

func (v *visit) addPerson() error {
	if err := v.Form(); err != nil {
		return err
	}
	p := desk.Person{Tenant: v.actor.Tenant}
	into, err := v.readPerson()
	if err != nil {
		return err
	}
	into(&p)
	made, token, err := v.ui.People.Create(v.R.Context(), &v.actor, p, "")
	if err != nil {
		return v.again(err, func(text string) error { return v.peoplePage(status(desk.KindOf(err)), &p, "", text) })
	}
	v.ui.names.changed(made.Tenant)
	return v.peoplePage(http.StatusCreated, &desk.Person{Role: desk.RoleAgent, Locale: v.lang.code}, v.inviteLink(token), "")
}

func (v *visit) personID() (w desk.Whom, err error) {
	if err := w.ID.UnmarshalText([]byte(v.R.PathValue("person"))); err != nil || w.ID == 0 {
		return w, desk.Errorf(desk.Missing, "person", "there is no such person")
	}
	return w, nil
}

func (v *visit) person() error { return v.personPage(http.StatusOK, "", "") }

func (v *visit) personPage(status int, link, problem string) error {
	who, err := v.personID()
	if err != nil {
		return err
	}
	p, err := v.ui.People.Find(v.R.Context(), &v.actor, who)
	if err != nil {
		return err
	}
	s, err := v.settings("people")
	if err != nil {
		return err
	}
	names, err := v.ui.names.roll(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return err
	}
	page := personPage{shell: s, Link: link, Person: v.personForm(&p, names)}
	page.Problem = problem
	return v.render(status, "person", "page", page)
}

// personAct changes a person and shows her again. do may give a link to hand on.
func (v *visit) personAct(do func(desk.Whom) (link string, err error)) error {
	who, err := v.personID()
	if err != nil {
		return err
	}
	if err := v.Form(); err != nil {
		return err
	}
	link, err := do(who)
	v.ui.names.changed(v.actor.Tenant)
	if err != nil {
		return v.again(err, func(text string) error { return v.personPage(status(desk.KindOf(err)), "", text) })
	}
	if link != "" {
		return v.personPage(http.StatusOK, link, "")
	}
	v.Go("/settings/people/" + who.ID.String() + "?did=saved")
	return nil
}

func (v *visit) changePerson() error {
	return v.personAct(func(who desk.Whom) (string, error) {
		into, err := v.readPerson()
		if err == nil {
			_, err = v.ui.People.Change(v.R.Context(), &v.actor, who, into)
		}
		return "", err
	})
}

func (v *visit) resetPerson() error {
	return v.personAct(func(who desk.Whom) (string, error) {
		_, token, err := v.ui.People.Reset(v.R.Context(), &v.actor, who, v.R.PostFormValue("factor") != "")
		return v.inviteLink(token), err
	})
}

func (v *visit) disablePerson() error {
	return v.personAct(func(who desk.Whom) (string, error) {
		_, err := v.ui.People.Disable(v.R.Context(), &v.actor, who)
		return "", err
	})
}

func (v *visit) enablePerson() error {
	return v.personAct(func(who desk.Whom) (string, error) {
		_, err := v.ui.People.Enable(v.R.Context(), &v.actor, who)
		return "", err
	})
}

// apiKeys is the page of the keys with which programs use /v1.
func (v *visit) apiKeys() error { return v.keysPage(http.StatusOK, nil, "") }

func (v *visit) keysPage(status int, made *madeSecret, problem string) error {
	s, err := v.settings("keys")
	if err != nil {
		return err
	}
	all, err := v.ui.Keys.List(v.R.Context(), &v.actor)
	if err != nil {
		return err
	}
	page := secretsPage{shell: s, Kind: "keys", Secret: made}
	page.Problem = problem
	for i := range all {
		k := &all[i]
		r := secretRow{
			ID: strconv.FormatInt(k.ID, 10), Name: k.Name, What: strings.Join(k.Scopes, " "),
			Made: v.at(k.CreatedAt), Disabled: k.Disabled, Used: v.lang.say("never"),
		}
		if !k.UsedAt.IsZero() {
			r.Used = v.at(k.UsedAt).Text
		}
		page.Rows = append(page.Rows, r)
	}
	for _, p := range desk.Permissions() {
		if v.actor.May(p) || p == desk.MessagesWrite {
			page.Scopes = append(page.Scopes, option{Value: string(p), Text: v.lang.say("may." + string(p))})
		}
	}
	return v.render(status, "apps", "page", page)
}

func (v *visit) addKey() error {
	if err := v.Form(); err != nil {
		return err
	}
	var scopes []desk.Permission
	for _, s := range v.R.PostForm["scope"] {
		scopes = append(scopes, desk.Permission(s))
	}
	_, text, err := v.ui.Keys.Create(v.R.Context(), &v.actor, v.R.PostFormValue("name"), scopes)
	if err != nil {
		return v.again(err, func(text string) error { return v.keysPage(status(desk.KindOf(err)), nil, text) })
	}
	return v.keysPage(http.StatusCreated, &madeSecret{Secret: text}, "")
}

func (v *visit) disableKey() error { return v.switchKey(true) }

func (v *visit) enableKey() error { return v.switchKey(false) }

func (v *visit) switchKey(off bool) error {
	if err := v.Form(); err != nil {
		return err
	}
	id, err := strconv.ParseInt(v.R.PostFormValue("id"), 10, 64)
	if err != nil {
		return desk.Errorf(desk.Missing, "api_key", "there is no such API key")
	}
	if _, err := v.ui.Keys.Disable(v.R.Context(), &v.actor, id, off); err != nil {
		return err
	}
	v.Go("/settings/keys?did=saved")
	return nil
}
