package ui

import (
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// ownPage is one's own settings.
type ownPage struct {
	shell
	Sessions []sessionRow
	Left     int      // recovery codes
	Secret   string   // of a second factor on its way
	Ticket   string   // what it is confirmed with
	QR       qr       // the secret as a picture
	Recovery []string // shown once
}

// qr is a picture that we made ourselves, as an address.
type qr = template.URL

type sessionRow struct {
	ID      string
	Agent   []piece
	Address string
	Seen    stamp
	This    bool
}

func (v *visit) own() error { return v.ownPage(http.StatusOK, func(*ownPage) {}) }

func (v *visit) ownPage(status int, add func(*ownPage)) error {
	s, err := v.settings("own")
	if err != nil {
		return err
	}
	all, err := v.ui.People.Sessions(v.R.Context(), &v.actor)
	if err != nil {
		return err
	}
	page := ownPage{shell: s, Left: len(v.me.Recovery)}
	for i := range all {
		page.Sessions = append(page.Sessions, sessionRow{
			ID: hex.EncodeToString(all[i].ID), Agent: seen(all[i].Agent), Address: shown(all[i].Address),
			Seen: v.age(all[i].SeenAt), This: string(all[i].ID) == string(v.live.Session.ID),
		})
	}
	add(&page)
	return v.render(status, "own", "page", page)
}

// ownAct does something with one's own account; what was wrong is shown on the
// same page.
func (v *visit) ownAct(do func() error) error {
	err := v.Form()
	if err == nil {
		err = do()
	}
	if err != nil {
		return v.again(err, func(text string) error {
			return v.ownPage(status(desk.KindOf(err)), func(p *ownPage) { p.Problem = text })
		})
	}
	v.Go("/settings?did=saved")
	return nil
}

func (v *visit) setLanguage() error {
	return v.ownAct(func() error {
		return v.ui.People.SetLocale(v.R.Context(), &v.live, v.R.PostFormValue("locale"))
	})
}

func (v *visit) setPassword() error {
	return v.ownAct(func() error {
		return v.ui.People.SetPassword(v.R.Context(), &v.live, v.R.PostFormValue("old"), v.R.PostFormValue("new"), v.browser())
	})
}

// beginSecond shows a new secret. Nothing is stored until a code of it is typed.
func (v *visit) beginSecond() error {
	e, err := v.ui.People.Enrol(v.R.Context(), &v.actor)
	if err != nil {
		return v.again(err, func(text string) error {
			return v.ownPage(status(desk.KindOf(err)), func(p *ownPage) { p.Problem = text })
		})
	}
	return v.ownPage(http.StatusOK, func(p *ownPage) { enrolled(p, e.Secret, e.Ticket, e.PNG) })
}

func enrolled(p *ownPage, secret, ticket string, png []byte) {
	p.Secret, p.Ticket = secret, ticket
	if len(png) > 0 {
		p.QR = qr("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))
	}
}

func (v *visit) addSecond() error {
	if err := v.Form(); err != nil {
		return err
	}
	form := v.R.PostFormValue
	codes, err := v.ui.People.ConfirmFactor(v.R.Context(), &v.live, form("ticket"), strings.TrimSpace(form("code")), v.address())
	if err != nil {
		return v.again(err, func(text string) error {
			return v.ownPage(status(desk.KindOf(err)), func(p *ownPage) {
				enrolled(p, form("secret"), form("ticket"), nil)
				p.Problem = text
			})
		})
	}
	if err := v.recognise(false); err != nil {
		return err
	}
	return v.ownPage(http.StatusOK, func(p *ownPage) { p.Recovery = codes })
}

func (v *visit) dropSecond() error {
	return v.ownAct(func() error {
		return v.ui.People.RemoveFactor(v.R.Context(), &v.live, v.R.PostFormValue("password"), v.browser())
	})
}

func (v *visit) endSession() error {
	return v.ownAct(func() error {
		id, err := hex.DecodeString(v.R.PostFormValue("id"))
		if err != nil {
			return desk.Errorf(desk.Missing, "session", "there is no such session")
		}
		return v.ui.People.EndSession(v.R.Context(), &v.actor, id)
	})
}
