package api

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
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
	Version   string `json:"version" doc:"The ETag, without its quotes" example:"5f1d9c0e8a7b6c3d"`
	Secret    string `json:"app_secret,omitempty" doc:"Shown once, when it was made"`
}

// Apps are those of the tenant.
type Apps struct {
	Apps []App `json:"apps" nullable:"false"`
}

// AppPath names an app, and the version that was seen; it is exported for the
// library, which reads fields.
type AppPath struct {
	App string `path:"app" pattern:"^[0-9a-f]{32}$" doc:"The app key" example:"0123456789abcdef0123456789abcdef"`
	openapi.Match
}

type (
	appIn    struct{ AppPath }
	addAppIn struct {
		Body struct {
			Name      string `json:"name" minLength:"1" maxLength:"64"`
			PerMinute int    `json:"per_minute,omitempty" minimum:"0" maximum:"100000000"`
		}
	}
	rotateIn struct {
		AppPath
		Body struct {
			Grace int `json:"grace_minutes" minimum:"0" maximum:"129600" doc:"How long the old secret still serves. 0: it has leaked; it dies at once, with every token of the app"`
		}
	}
)

func (s *Surface) apps() {
	op := func(id, method, path, title, text, body string) openapi.Operation {
		return openapi.Operation{
			ID: id, Method: method, Path: path, May: desk.AppsManage, Group: "Apps",
			Title: title, Text: text, Example: openapi.Example{Path: path, Body: body},
		}
	}
	openapi.Add(s.Door, op("list-apps", http.MethodGet, "/apps", "List apps", "", ""), s.listApps)
	create := op("create-app", http.MethodPost, "/apps", "Make an app", "The secret is in this answer and nowhere else.", `{"name":"Mobile app","per_minute":6000}`)
	create.Status = http.StatusCreated
	openapi.Add(s.Door, create, s.addApp)
	openapi.Add(s.Door, op("rotate-app", http.MethodPost, "/apps/{app}/rotate", "Give an app a new secret", "The one before serves on for grace_minutes; one that is older dies. Send If-Match: when the answer is lost, asking again must not make the secret that your server uses the older one.", `{"grace_minutes":60}`), s.rotateApp)
	openapi.Add(s.Door, op("disable-app", http.MethodPost, "/apps/{app}/disable", "Shut an app out", "With all its tokens, within a second.", ""),
		func(ctx context.Context, a *desk.Actor, in *appIn) (*answer[App], error) {
			return s.switchApp(ctx, a, in, true)
		})
	openapi.Add(s.Door, op("enable-app", http.MethodPost, "/apps/{app}/enable", "Let an app in again", "", ""),
		func(ctx context.Context, a *desk.Actor, in *appIn) (*answer[App], error) {
			return s.switchApp(ctx, a, in, false)
		})
}

func appOf(p *desk.App) App {
	out := App{
		Key: string(p.Key), Name: p.Name, PerMinute: p.PerMinute, Disabled: p.Disabled,
		CreatedAt: stamp(p.CreatedAt), OldUntil: stamp(p.OldUntil),
	}
	out.Version = openapi.Mark(out, p.Epoch, p.SecretHash)
	return out
}

func anApp(p *desk.App) *answer[App] {
	out := appOf(p)
	return &answer[App]{ETag: strconv.Quote(out.Version), Body: out}
}

var errNoApp = desk.Errorf(desk.Missing, "app", "there is no such app")

func (s *Surface) listApps(ctx context.Context, a *desk.Actor, _ *nothing) (*answer[Apps], error) {
	all, err := s.Rooms.Apps(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	return &answer[Apps]{Body: Apps{each(all, appOf)}}, nil
}

func (s *Surface) addApp(ctx context.Context, a *desk.Actor, in *addAppIn) (*answer[App], error) {
	made, secret := auth.NewApp(a.Tenant, in.Body.Name, s.Now().UTC().Truncate(time.Microsecond))
	made.PerMinute = in.Body.PerMinute
	if err := s.Rooms.AddApp(ctx, made); err != nil {
		return nil, err
	}
	out := anApp(&made)
	out.Body.Secret = secret
	return out, s.note(ctx, a, people.Done{Action: desk.AppCreated, Object: "app:" + out.Body.Key})
}

func (s *Surface) rotateApp(ctx context.Context, a *desk.Actor, in *rotateIn) (*answer[App], error) {
	secret := ""
	out, err := s.changeApp(ctx, a, &in.AppPath, desk.AppRotated, func(p *desk.App) {
		secret = auth.Rotate(p, time.Duration(in.Body.Grace)*time.Minute, s.Now().UTC())
	})
	if err != nil {
		return nil, err
	}
	out.Body.Secret = secret
	return out, nil
}

func (s *Surface) switchApp(ctx context.Context, a *desk.Actor, in *appIn, off bool) (*answer[App], error) {
	action := desk.AppEnabled
	if off {
		action = desk.AppDisabled
	}
	return s.changeApp(ctx, a, &in.AppPath, action, func(p *desk.App) { p.Disabled = off })
}

func (s *Surface) changeApp(ctx context.Context, a *desk.Actor, which *AppPath, action string, change func(*desk.App)) (*answer[App], error) {
	var stale error // the store takes every conflict for a name that is taken
	p, err := s.Rooms.ChangeApp(ctx, a.Tenant, which.App, func(p *desk.App) error {
		if string(p.Key) != which.App { // an app may be named like another one's key
			return errNoApp
		}
		if stale = which.Matches(appOf(p).Version); stale != nil {
			return stale
		}
		change(p)
		return nil
	})
	if err != nil {
		return nil, cmp.Or(stale, here(err, errNoApp))
	}
	return anApp(&p), s.note(ctx, a, people.Done{Action: action, Object: "app:" + which.App})
}
