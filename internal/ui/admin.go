package ui

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// Channels is where channels are kept: the store.
type Channels interface {
	Channels(ctx context.Context, tenant desk.TenantID) ([]desk.Channel, error)
	AddChannel(ctx context.Context, c desk.Channel) error
	ChangeChannel(ctx context.Context, tenant desk.TenantID, idOrName string, change func(*desk.Channel) error) (desk.Channel, error)
}

// Apps is where apps are kept: the store.
type Apps interface {
	Apps(ctx context.Context, tenant desk.TenantID) ([]desk.App, error)
	AddApp(ctx context.Context, a desk.App) error
	ChangeApp(ctx context.Context, tenant desk.TenantID, keyOrName string, change func(*desk.App) error) (desk.App, error)
}

// grace is how long an app's old secret opens after a new one was made here.
const grace = 24 * time.Hour

// tab is one page of the settings.
type tab struct {
	Name, Href string
	Current    bool
}

// settings is the shell of a page of the settings, with the tabs that this
// person may open.
func (v *visit) settings(current string) (shell, error) {
	s, err := v.framed("settings")
	if err != nil {
		return s, err
	}
	for _, t := range []struct {
		name string
		may  desk.Permission
	}{
		{"own", ""},
		{"people", desk.PeopleManage},
		{"channels", desk.ChannelsManage},
		{"apps", desk.AppsManage},
		{"keys", desk.KeysManage},
		{"audit", desk.AuditRead},
	} {
		if t.may != "" && !v.actor.May(t.may) {
			continue
		}
		href := "/settings"
		if t.name != "own" {
			href += "/" + t.name
		}
		s.Tabs = append(s.Tabs, tab{t.name, href, t.name == current})
	}
	if v.R.URL.Query().Get("did") == "saved" {
		s.Good = v.lang.say("saved")
	}
	return s, nil
}

// noted writes an act of administration into the audit log.
func (v *visit) noted(action, object string) error {
	_, err := v.ui.Audit.Audit(v.R.Context(), v.deed(action, object))
	v.ui.names.changed(v.actor.Tenant)
	return err
}

type channelForm struct {
	ID, Name, Locale, Region string
	AllocationText           string
	TargetText               string
	TextLimit, Target        int
	Allocations              []option
	Origins                  string
	Disabled                 bool
}

type channelsPage struct {
	shell
	Channels []channelForm
	New      channelForm
}

type channelPage struct {
	shell
	Channel channelForm
}

func (v *visit) channelForm(c *desk.Channel) channelForm {
	allocation := c.Allocation
	if allocation == "" {
		allocation = desk.AllocSelf
	}
	f := channelForm{
		Name: c.Name, Locale: c.Locale, Region: c.Region, TextLimit: c.TextLimit, Disabled: c.Disabled,
		AllocationText: v.lang.say("allocation." + allocation), TargetText: v.lang.say("target.none"),
		Target: int(c.Target / time.Minute), Origins: strings.Join(c.Origins, "\n"),
	}
	if c.ID != 0 {
		f.ID = c.ID.String()
	}
	if c.Target > 0 {
		f.TargetText = v.span(c.Target)
	}
	for _, name := range []string{desk.AllocSelf, desk.AllocHand, desk.AllocAuto} {
		f.Allocations = append(f.Allocations, option{name, v.lang.say("allocation." + name), name == allocation})
	}
	return f
}

func (v *visit) channels() error {
	return v.channelsPage(http.StatusOK, &desk.Channel{Locale: "zh_CN", Region: "CN", TextLimit: desk.DefaultTextLimit}, "")
}

func (v *visit) channelsPage(status int, fresh *desk.Channel, problem string) error {
	s, err := v.settings("channels")
	if err != nil {
		return err
	}
	all, err := v.ui.Channels.Channels(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return err
	}
	page := channelsPage{shell: s, New: v.channelForm(fresh)}
	page.New.ID, page.Problem = "", problem
	for i := range all {
		page.Channels = append(page.Channels, v.channelForm(&all[i]))
	}
	return v.render(status, "channels", "page", page)
}

func (v *visit) channel() error { return v.channelPage(http.StatusOK, "") }

func (v *visit) channelPage(status int, problem string) error {
	id, err := desk.ParseChannelID(v.R.PathValue("channel"))
	if err != nil {
		return errNoChannel
	}
	all, err := v.ui.Channels.Channels(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].ID != id {
			continue
		}
		s, err := v.settings("channels")
		if err != nil {
			return err
		}
		page := channelPage{shell: s, Channel: v.channelForm(&all[i])}
		page.Problem = problem
		return v.render(status, "channel", "page", page)
	}
	return errNoChannel
}

var errNoChannel = desk.Errorf(desk.Missing, "channel", "there is no such channel")

// readChannel takes what the form says over into the channel.
func (v *visit) readChannel(c *desk.Channel) {
	form := v.R.PostFormValue
	c.Locale, c.Region, c.Allocation = form("locale"), strings.ToUpper(form("region")), form("allocation")
	c.TextLimit, _ = strconv.Atoi(form("limit"))
	minutes, _ := strconv.Atoi(form("target"))
	c.Target, c.Origins, c.Disabled = time.Duration(minutes)*time.Minute, strings.Fields(form("origins")), form("disabled") != ""
}

func (v *visit) addChannel() error {
	if err := v.Form(); err != nil {
		return err
	}
	c := desk.Channel{Tenant: v.actor.Tenant, ID: auth.NewChannelID(v.now), Name: v.R.PostFormValue("name"), CreatedAt: v.now}
	v.readChannel(&c)
	if err := v.ui.Channels.AddChannel(v.R.Context(), c); err != nil {
		return v.again(err, func(text string) error { return v.channelsPage(status(desk.KindOf(err)), &c, text) })
	}
	if err := v.noted(desk.ChannelCreated, "channel:"+c.ID.String()); err != nil {
		return err
	}
	v.Go("/settings/channels/" + c.ID.String() + "?did=saved")
	return nil
}

func (v *visit) changeChannel() error {
	if err := v.Form(); err != nil {
		return err
	}
	id, err := desk.ParseChannelID(v.R.PathValue("channel"))
	if err != nil {
		return errNoChannel
	}
	_, err = v.ui.Channels.ChangeChannel(v.R.Context(), v.actor.Tenant, id.String(), func(c *desk.Channel) error {
		v.readChannel(c)
		return nil
	})
	if err != nil {
		return v.again(err, func(text string) error { return v.channelPage(status(desk.KindOf(err)), text) })
	}
	if err := v.noted(desk.ChannelChanged, "channel:"+id.String()); err != nil {
		return err
	}
	v.Go("/settings/channels/" + id.String() + "?did=saved")
	return nil
}

// again shows a form once more with what was wrong; an error that is not the
// reader's to mend is passed on.
func (v *visit) again(err error, show func(problem string) error) error {
	switch desk.KindOf(err) {
	case desk.Invalid, desk.Conflict, desk.Forbidden, desk.Limited, desk.Unauthenticated:
		return show(v.lang.problemOf(err))
	}
	return err
}

// secretsPage lists apps, or API keys: names with secrets that are shown once.
type secretsPage struct {
	shell
	Kind    string // apps or keys
	Rotates bool
	Secret  *madeSecret
	Rows    []secretRow
	Scopes  []option
}

type madeSecret struct{ Key, Secret string }

type secretRow struct {
	ID, Name   string
	What, Used string
	Made       stamp
	Disabled   bool
}

func (v *visit) apps() error { return v.appsPage(http.StatusOK, nil, "") }

func (v *visit) appsPage(status int, made *madeSecret, problem string) error {
	s, err := v.settings("apps")
	if err != nil {
		return err
	}
	all, err := v.ui.Apps.Apps(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return err
	}
	page := secretsPage{shell: s, Kind: "apps", Rotates: true, Secret: made}
	page.Problem = problem
	for i := range all {
		a := &all[i]
		r := secretRow{Name: a.Name, What: string(a.Key), Made: v.at(a.CreatedAt), Disabled: a.Disabled, Used: v.lang.say("app.gone")}
		if a.OldUntil.After(v.now) {
			r.Used = v.lang.say("app.until", ours(v.at(a.OldUntil).Text))
		}
		page.Rows = append(page.Rows, r)
	}
	return v.render(status, "apps", "page", page)
}

func (v *visit) addApp() error {
	if err := v.Form(); err != nil {
		return err
	}
	a, secret := auth.NewApp(v.actor.Tenant, v.R.PostFormValue("name"), v.now)
	if err := v.ui.Apps.AddApp(v.R.Context(), a); err != nil {
		return v.again(err, func(text string) error { return v.appsPage(status(desk.KindOf(err)), nil, text) })
	}
	if err := v.noted(desk.AppCreated, "app:"+string(a.Key)); err != nil {
		return err
	}
	return v.appsPage(http.StatusCreated, &madeSecret{string(a.Key), secret}, "")
}

func (v *visit) rotateApp() error {
	secret := ""
	a, err := v.changeApp(desk.AppRotated, func(a *desk.App) { secret = auth.Rotate(a, grace, v.now) })
	if err != nil {
		return err
	}
	return v.appsPage(http.StatusOK, &madeSecret{string(a.Key), secret}, "")
}

func (v *visit) disableApp() error { return v.switchApp(desk.AppDisabled, true) }

func (v *visit) enableApp() error { return v.switchApp(desk.AppEnabled, false) }

func (v *visit) switchApp(action string, off bool) error {
	if _, err := v.changeApp(action, func(a *desk.App) { a.Disabled = off }); err != nil {
		return err
	}
	v.Go("/settings/apps?did=saved")
	return nil
}

func (v *visit) changeApp(action string, change func(*desk.App)) (a desk.App, err error) {
	if err := v.Form(); err != nil {
		return a, err
	}
	a, err = v.ui.Apps.ChangeApp(v.R.Context(), v.actor.Tenant, v.R.PostFormValue("name"), func(a *desk.App) error {
		change(a)
		return nil
	})
	if err == nil {
		err = v.noted(action, "app:"+string(a.Key))
	}
	return a, err
}
