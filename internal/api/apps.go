package api

import (
	"context"
	"net/http"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// App is an integrator's server, which uses the compatible surface.
type App struct {
	Key       string `json:"app_key" example:"0123456789abcdef0123456789abcdef"`
	Name      string `json:"name" example:"Web shop"`
	PerMinute int    `json:"per_minute" doc:"Messages a minute; 0 leaves it to the server's setting"`
	Disabled  bool   `json:"disabled"`
	CreatedAt string `json:"created_at" format:"date-time"`
	OldUntil  string `json:"old_secret_until,omitempty" format:"date-time" doc:"The secret before the last rotation serves until then"`
	Secret    string `json:"app_secret,omitempty" doc:"Shown once, when it was made"`
}

// Apps are those of the tenant.
type Apps struct {
	Apps []App `json:"apps" nullable:"false"`
}

type (
	appIn struct {
		App string `path:"app" pattern:"^[0-9a-f]{32}$" doc:"The app key" example:"0123456789abcdef0123456789abcdef"`
	}
	addAppIn struct {
		Body struct {
			Name      string `json:"name" minLength:"1" maxLength:"64"`
			PerMinute int    `json:"per_minute,omitempty" minimum:"0" maximum:"100000000"`
		}
	}
	rotateIn struct {
		App  string `path:"app" pattern:"^[0-9a-f]{32}$" doc:"The app key"`
		Body struct {
			Grace int `json:"grace_minutes" minimum:"0" maximum:"129600" doc:"How long the old secret still serves. 0: it has leaked; it dies at once, with every token of the app"`
		}
	}
)

func (d *door) apps() {
	op := func(id, method, path, title, text, body string) operation {
		return operation{
			id: id, method: method, path: path, may: desk.AppsManage, group: "Apps",
			title: title, text: text, example: example{Path: path, Body: body},
		}
	}
	add(d, op("list-apps", http.MethodGet, "/apps", "List apps", "", ""), d.listApps)
	create := op("create-app", http.MethodPost, "/apps", "Make an app", "The secret is in this answer and nowhere else.", `{"name":"Mobile app","per_minute":6000}`)
	create.status = http.StatusCreated
	add(d, create, d.addApp)
	add(d, op("rotate-app", http.MethodPost, "/apps/{app}/rotate", "Give an app a new secret", "", `{"grace_minutes":60}`), d.rotateApp)
	add(d, op("disable-app", http.MethodPost, "/apps/{app}/disable", "Shut an app out", "With all its tokens, within a second.", ""),
		func(ctx context.Context, a *desk.Actor, in *appIn) (*answer[App], error) {
			return d.switchApp(ctx, a, in.App, true)
		})
	add(d, op("enable-app", http.MethodPost, "/apps/{app}/enable", "Let an app in again", "", ""),
		func(ctx context.Context, a *desk.Actor, in *appIn) (*answer[App], error) {
			return d.switchApp(ctx, a, in.App, false)
		})
}

func appOf(p *desk.App) App {
	return App{
		Key: string(p.Key), Name: p.Name, PerMinute: p.PerMinute, Disabled: p.Disabled,
		CreatedAt: stamp(p.CreatedAt), OldUntil: stamp(p.OldUntil),
	}
}

var errNoApp = desk.Errorf(desk.Missing, "app", "there is no such app")

func (s *Surface) listApps(ctx context.Context, a *desk.Actor, _ *nothing) (*answer[Apps], error) {
	all, err := s.Rooms.Apps(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	out := Apps{Apps: make([]App, len(all))}
	for i := range all {
		out.Apps[i] = appOf(&all[i])
	}
	return &answer[Apps]{Body: out}, nil
}

func (s *Surface) addApp(ctx context.Context, a *desk.Actor, in *addAppIn) (*answer[App], error) {
	made, secret := auth.NewApp(a.Tenant, in.Body.Name, s.Now().UTC().Truncate(time.Microsecond))
	made.PerMinute = in.Body.PerMinute
	if err := s.Rooms.AddApp(ctx, made); err != nil {
		return nil, err
	}
	out := appOf(&made)
	out.Secret = secret
	return &answer[App]{Body: out}, s.note(ctx, a, people.Done{Action: "app.created", Object: "app:" + out.Key})
}

func (s *Surface) rotateApp(ctx context.Context, a *desk.Actor, in *rotateIn) (*answer[App], error) {
	secret := ""
	out, err := s.changeApp(ctx, a, in.App, "app.rotated", func(p *desk.App) {
		secret = auth.Rotate(p, time.Duration(in.Body.Grace)*time.Minute, s.Now().UTC())
	})
	if err != nil {
		return nil, err
	}
	out.Body.Secret = secret
	return out, nil
}

func (s *Surface) switchApp(ctx context.Context, a *desk.Actor, key string, off bool) (*answer[App], error) {
	action := "app.enabled"
	if off {
		action = "app.disabled"
	}
	return s.changeApp(ctx, a, key, action, func(p *desk.App) { p.Disabled = off })
}

func (s *Surface) changeApp(ctx context.Context, a *desk.Actor, key, action string, change func(*desk.App)) (*answer[App], error) {
	p, err := s.Rooms.ChangeApp(ctx, a.Tenant, key, func(p *desk.App) error {
		if string(p.Key) != key { // an app may be named like another one's key
			return errNoApp
		}
		change(p)
		return nil
	})
	if err != nil {
		return nil, here(err, errNoApp)
	}
	return &answer[App]{Body: appOf(&p)}, s.note(ctx, a, people.Done{Action: action, Object: "app:" + key})
}
