// Package openapi is the mechanism of /v1: operations that are reached by an API
// key, errors as problem+json, and the document and the readable page that are
// made from the same entries.
//
// It promises that an operation has its permission beside it, checked before the
// body is looked at; that a browser's session opens nothing; that an error has a
// code of the table in codes.go and repeats nothing of what was sent; and that
// the page runs no script and loads nothing from elsewhere. What the operations
// do is package api's, which adds them and opens the door.
package openapi

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// Open makes the document and the page of what was added, and begins to serve.
func (d *Door) Open() (err error) {
	if err := d.document(); err != nil {
		return err
	}
	style, err := assets.ReadFile("page.css")
	if err != nil {
		return err
	}
	open := []web.Page{
		{Method: http.MethodGet, Path: Base + "/openapi.json", Handle: always("application/openapi+json", d.spec)},
		{Method: http.MethodGet, Path: Base + "/docs", Handle: always("text/html; charset=utf-8", d.page)},
		{Method: http.MethodGet, Path: Base + "/docs.css", Handle: always("text/css; charset=utf-8", style)},
	}
	for _, page := range open {
		d.know(page.Method, page.Path)
	}
	lost := web.Page{Path: Base + "/{rest...}", Handle: d.lost}
	d.serve, err = web.NewPages(web.PagesSettings{
		Log: d.set.Logger, Observe: d.set.Observe, Fail: d.failed, MaxForm: int64(d.set.Body) + 1,
	}, append(append(d.pages, open...), lost))
	return err
}

// always answers with what is the same as long as the program runs.
func always(kind string, b []byte) func(*web.Visit) error {
	return func(v *web.Visit) error {
		v.W.Header().Set("Content-Type", kind)
		_, _ = v.W.Write(b) // whoever has gone away is told nothing
		return nil
	}
}

// know remembers which methods a path takes.
func (d *Door) know(method, path string) {
	if d.takes[path] == nil {
		d.paths.Handle(path, http.NotFoundHandler())
	}
	d.takes[path] = append(d.takes[path], method)
}

// Routes lists every operation, for whoever checks who may reach what.
func (d *Door) Routes() []Route { return d.routes }

// Owns implements web.Surface: everything below /v1 is answered here.
func (d *Door) Owns(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, Base+"/") }

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.serve.ServeHTTP(w, r) }

var errMethod = desk.Errorf(desk.Invalid, "method_not_allowed", "this path takes another method; Allow names them")

// lost answers what no operation does.
func (d *Door) lost(v *web.Visit) error {
	_, path := d.paths.Handler(v.R)
	if path == "" {
		return desk.Errorf(desk.Missing, "not_found", "there is nothing at this path; %s/docs lists what there is", Base)
	}
	v.W.Header().Set("Allow", strings.Join(d.takes[path], ", "))
	return errMethod
}

// failed answers an error that came up before an operation, or in place of it.
func (d *Door) failed(v *web.Visit, err error) { refusal(v.R.Context(), err).write(v.W) }

// Next is the address that was asked for, with another value of one parameter.
func Next(ctx context.Context, name, value string) string {
	u := *Of(ctx).Visit.R.URL
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.RequestURI()
}

var _ huma.Adapter = adapter{}
