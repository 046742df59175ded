package api

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// call is one request, once we know whose it is.
type call struct {
	actor desk.Actor
	key   string // the text of the key, for streams that look at it again
	visit *web.Visit
	err   error // for the log
}

type callKey struct{}

// of is the request that a context belongs to.
func of(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// door makes pages of operations. It is what the library calls an adapter.
type door struct {
	*Surface
	api   huma.API
	mux   *http.ServeMux
	pages []web.Page
	shows map[string]example // by the operation's ID
	order []string           // of operations, as they were registered
}

func newDoor(s *Surface) *door {
	d := &door{Surface: s, mux: http.NewServeMux(), shows: map[string]example{}}
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Afterbeep", Version: "1", Description: about, License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}},
			Servers: []*huma.Server{{URL: "/"}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key": {Type: "http", Scheme: "bearer", BearerFormat: "abk_…", Description: "An API key of the tenant. Its scopes say what it may do."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": strict(), "json": strict()},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{reworded},
	}
	d.api = huma.NewAPI(c, d)
	return d
}

// strict is JSON as the rest of the house reads it: each name once, valid UTF-8,
// names as they are written.
func strict() huma.Format {
	return huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.MarshalWrite(w, v) },
		Unmarshal: func(b []byte, v any) error { return json.Unmarshal(b, v) },
	}
}

// ServeHTTP is asked of an adapter, and never called: web.Pages serves.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// Handle implements huma.Adapter.
func (d *door) Handle(op *huma.Operation, handler func(huma.Context)) {
	may, _ := op.Metadata["may"].(desk.Permission)
	d.routes = append(d.routes, Route{op.Method, op.Path, may})
	d.know(op.Method, op.Path)
	d.pages = append(d.pages, web.Page{Method: op.Method, Path: op.Path, Handle: func(v *web.Visit) error {
		c := &call{visit: v}
		v.R = v.R.WithContext(context.WithValue(v.R.Context(), callKey{}, c))
		if err := d.enter(c, may); err != nil {
			return err
		}
		handler(humago.NewContext(op, v.R, v.W))
		return c.err
	}})
}

var errNoKey = desk.Errorf(desk.Unauthenticated, "api_key_missing", "send an API key: Authorization: Bearer abk_…")

// enter finds out whose key it is, and whether it may. A browser's session is
// nothing here: a page of another site must not act with it.
func (s *Surface) enter(c *call, may desk.Permission) (err error) {
	r := c.visit.R
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return errNoKey
	}
	c.key = text
	if c.actor, err = s.Keys.Check(r.Context(), text, web.Address(r)); err != nil {
		return err
	}
	c.visit.Person = c.actor.Who()
	if may == "" || !c.actor.May(may) {
		return desk.Errorf(desk.Forbidden, "scope", "this key lacks the scope %s", may)
	}
	return nil
}

// example is a request that a test sends. {thread}, {message}, {channel},
// {person}, {app} and {reference} stand for things that are there.
type example struct {
	Path   string            `json:"path"` // with the query
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"` // JSON
	Status int               `json:"status"`
}

// operation is what the document says of one.
type operation struct {
	id, method, path string
	may              desk.Permission
	group            string
	title, text      string
	status           int // 200 when 0
	example          example
}

// add registers an operation: it decodes, handle makes one call of the domain, and
// what comes back is encoded.
func add[I, O any](d *door, o operation, handle func(ctx context.Context, a *desk.Actor, in *I) (*O, error)) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	o.example.Status = o.status
	schemas := d.api.OpenAPI().Components.Schemas
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: base + o.path, Summary: o.title, Tags: []string{o.group}, DefaultStatus: o.status,
		Description:  strings.TrimSpace(o.text + "\n\nScope: `" + string(o.may) + "`."),
		Security:     []map[string][]string{{"key": {}}},
		Metadata:     map[string]any{"may": o.may},
		MaxBodyBytes: int64(d.Body),
		Responses: map[string]*huma.Response{"default": {
			Description: "It did not work",
			Content:     map[string]*huma.MediaType{problemJSON: {Schema: schemas.Schema(typeOf[Problem](), true, "Problem")}},
		}},
		Extensions: map[string]any{"x-scope": o.may, "x-example": o.example},
	}
	d.shows[o.id] = o.example
	d.order = append(d.order, o.id)
	huma.Register(d.api, op, func(ctx context.Context, in *I) (*O, error) {
		c := of(ctx)
		out, err := handle(ctx, &c.actor, in)
		if err != nil {
			return nil, d.refusal(ctx, err)
		}
		return out, nil
	})
}
