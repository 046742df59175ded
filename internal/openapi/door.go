package openapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Base is where every operation's path begins.
const Base = "/v1"

// Keys knows whose an API key is.
type Keys interface {
	Check(ctx context.Context, text, address string) (desk.Actor, error)
}

// Settings are what a door is made with.
type Settings struct {
	About   string // what the document and the page begin with
	Keys    Keys
	Logger  *slog.Logger
	Observe func(route string, status int, code string, took time.Duration)
	Body    int // the most bytes of a request's body
}

// Call is one request, once we know whose it is.
type Call struct {
	Actor desk.Actor
	Key   string // the text of the key, for streams that look at it again
	Visit *web.Visit
	Err   error // for the log
}

type callKey struct{}

// Of is the request that a context belongs to.
func Of(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// Route is one operation, and what it takes to reach it.
type Route struct {
	Method, Path string
	May          desk.Permission
}

// Door is where programs come in. Operations are added to it, then it is opened,
// and then it serves.
type Door struct {
	set    Settings
	api    huma.API
	mux    *http.ServeMux
	pages  []web.Page
	shows  map[string]Example // by the operation's ID
	order  []string           // of operations, as they were added
	routes []Route

	paths *http.ServeMux // knows each path, whatever the method
	takes map[string][]string
	serve *web.Pages
	spec  []byte
	page  []byte
}

// New makes a door without operations.
func New(set Settings) *Door {
	d := &Door{
		set: set, mux: http.NewServeMux(), paths: http.NewServeMux(),
		shows: map[string]Example{}, takes: map[string][]string{},
	}
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Afterbeep", Version: "1", Description: set.About, License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}},
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
	d.api = huma.NewAPI(c, adapter{d})
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

// adapter makes pages of operations, for the library.
type adapter struct{ *Door }

// ServeHTTP is asked of an adapter, and never called: web.Pages serves.
func (d adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// Handle implements huma.Adapter.
func (d adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	may, _ := op.Metadata["may"].(desk.Permission)
	d.routes = append(d.routes, Route{op.Method, op.Path, may})
	d.know(op.Method, op.Path)
	d.pages = append(d.pages, web.Page{Method: op.Method, Path: op.Path, Handle: func(v *web.Visit) error {
		c := &Call{Visit: v}
		v.R = v.R.WithContext(context.WithValue(v.R.Context(), callKey{}, c))
		if err := d.enter(c, may); err != nil {
			return err
		}
		handler(humago.NewContext(op, v.R, v.W))
		return c.Err
	}})
}

var errNoKey = desk.Errorf(desk.Unauthenticated, "api_key_missing", "send an API key: Authorization: Bearer abk_…")

// enter finds out whose key it is, and whether it may. A browser's session is
// nothing here: a page of another site must not act with it.
func (d *Door) enter(c *Call, may desk.Permission) (err error) {
	r := c.Visit.R
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return errNoKey
	}
	c.Key = text
	if c.Actor, err = d.set.Keys.Check(r.Context(), text, web.Address(r)); err != nil {
		return err
	}
	c.Visit.Person = c.Actor.Who()
	if may == "" || !c.Actor.May(may) {
		return desk.Errorf(desk.Forbidden, "scope", "this key lacks the scope %s", may)
	}
	return nil
}

// Example is a request that a test sends. {thread}, {message}, {channel},
// {person}, {app}, {key}, {reference} and {tomorrow} stand for things that are
// there.
type Example struct {
	Path   string            `json:"path"` // with the query
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"` // JSON
	Status int               `json:"status"`
}

// Operation is what the document says of one.
type Operation struct {
	ID, Method, Path string
	May              desk.Permission
	Group            string
	Title, Text      string
	Status           int // 200 when 0
	Example          Example
}

// Add registers an operation: it decodes, handle makes one call of the domain, and
// what comes back is encoded.
func Add[I, O any](d *Door, o Operation, handle func(ctx context.Context, a *desk.Actor, in *I) (*O, error)) {
	if o.Status == 0 {
		o.Status = http.StatusOK
	}
	o.Example.Status = o.Status
	schemas := d.api.OpenAPI().Components.Schemas
	op := huma.Operation{
		OperationID: o.ID, Method: o.Method, Path: Base + o.Path, Summary: o.Title, Tags: []string{o.Group}, DefaultStatus: o.Status,
		Description:  strings.TrimSpace(o.Text + "\n\nScope: `" + string(o.May) + "`."),
		Security:     []map[string][]string{{"key": {}}},
		Metadata:     map[string]any{"may": o.May},
		MaxBodyBytes: int64(d.set.Body),
		Responses: map[string]*huma.Response{"default": {
			Description: "It did not work",
			Content:     map[string]*huma.MediaType{problemJSON: {Schema: schemas.Schema(typeOf[Problem](), true, "Problem")}},
		}},
		Extensions: map[string]any{"x-scope": o.May, "x-example": o.Example},
	}
	d.shows[o.ID] = o.Example
	d.order = append(d.order, o.ID)
	huma.Register(d.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, &Of(ctx).Actor, in)
		if err != nil {
			return nil, refusal(ctx, err)
		}
		return out, nil
	})
}

// Streamed is an answer that writes itself.
type Streamed struct {
	Body func(huma.Context)
}

// Stream is an answer that write writes. What it returns is for the log: the
// answer has begun, and its end is all that can be said.
func Stream(ctx context.Context, write func(w http.ResponseWriter, r *http.Request) error) *Streamed {
	return &Streamed{Body: func(h huma.Context) {
		r, w := humago.Unwrap(h)
		Of(ctx).Err = write(w, r)
	}}
}

// Streams documents an answer that the library knows nothing of.
func (d *Door) Streams(path string, types map[string]string) {
	op := d.api.OpenAPI().Paths[Base+path].Get
	content := map[string]*huma.MediaType{}
	for name, text := range types {
		content[name] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Description: text}}
	}
	op.Responses["200"] = &huma.Response{Description: "OK", Content: content}
}
