package api

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

//go:embed docs.html docs.css
var assets embed.FS

const about = "For programs, what the pages are for people. Send an API key of the tenant: `Authorization: Bearer abk_…` " +
	"(`afterbeep key create` makes one, and so do the settings). IDs are strings, times RFC 3339 in UTC with microseconds. " +
	"Errors are problem+json (RFC 9457) with a stable `code`. Lists have a `next` address."

// guide is the document as the page shows it.
type guide struct {
	Title, About string
	Groups       []guideGroup
	Schemas      []guideSchema
	Kinds        []guideKind
}

type guideGroup struct {
	Name       string
	Operations []guideOperation
}

type guideOperation struct {
	ID, Method, Path, Title, Curl string
	Text                          []string
	Params                        []guideField
	Body                          []guideField
	Status                        int
	Answer                        string // the name of its schema
}

type guideField struct {
	Name, In, Type, Text string
	Required             bool
}

type guideSchema struct {
	Name   string
	Fields []guideField
}

type guideKind struct {
	Status int
	Code   string
	Text   string
}

// document makes the OpenAPI document and the page, once: they do not change
// while the program runs.
func (s *Surface) document(d *door) (err error) {
	spec := d.api.OpenAPI()
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(spec.Components.Schemas.Map(), name) // the library's own; ours is Problem
	}
	for _, o := range operations(spec) {
		if body := d.shows[o.OperationID].Body; body != "" {
			o.RequestBody.Content["application/json"].Example = json.RawMessage(told(body))
		}
	}
	if s.spec, err = json.MarshalIndent(spec, "", " "); err != nil {
		return err
	}
	page, err := template.ParseFS(assets, "docs.html")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = page.Execute(&b, d.explain(spec))
	s.guide = b.Bytes()
	return err
}

// told is an example as people read it.
func told(text string) string {
	return strings.NewReplacer("{person}", "2", "{tomorrow}", "2026-11-24T09:00:00Z").Replace(text)
}

func operations(spec *huma.OpenAPI) (all []*huma.Operation) {
	for _, p := range spec.Paths {
		for _, o := range []*huma.Operation{p.Get, p.Post, p.Patch} {
			if o != nil {
				all = append(all, o)
			}
		}
	}
	return all
}

// explain is the document in the order of a reader.
func (d *door) explain(spec *huma.OpenAPI) guide {
	g := guide{Title: spec.Info.Title, About: strings.ReplaceAll(spec.Info.Description, "`", "")}
	all := operations(spec)
	slices.SortFunc(all, func(a, b *huma.Operation) int {
		return slices.Index(d.order, a.OperationID) - slices.Index(d.order, b.OperationID)
	})
	for _, o := range all {
		i := slices.IndexFunc(g.Groups, func(x guideGroup) bool { return x.Name == o.Tags[0] })
		if i < 0 {
			i, g.Groups = len(g.Groups), append(g.Groups, guideGroup{Name: o.Tags[0]})
		}
		g.Groups[i].Operations = append(g.Groups[i].Operations, d.explained(spec, o))
	}
	schemas := spec.Components.Schemas.Map()
	for name, schema := range schemas {
		if !strings.HasSuffix(name, "InBody") {
			g.Schemas = append(g.Schemas, guideSchema{name, fields(schema)})
		}
	}
	slices.SortFunc(g.Schemas, func(a, b guideSchema) int { return cmp.Compare(a.Name, b.Name) })
	for k := desk.Internal; k <= desk.Unknown; k++ {
		g.Kinds = append(g.Kinds, guideKind{kinds[k].status, cmp.Or(kinds[k].code, "what it is about"), k.String()})
	}
	return g
}

func (d *door) explained(spec *huma.OpenAPI, o *huma.Operation) guideOperation {
	g := guideOperation{
		ID: o.OperationID, Method: o.Method, Path: o.Path, Title: o.Summary, Status: o.DefaultStatus,
		Text: strings.Split(strings.NewReplacer("`", "", "**", "").Replace(o.Description), "\n\n"), Curl: curl(o.Method, d.shows[o.OperationID]),
	}
	for _, p := range o.Parameters {
		g.Params = append(g.Params, guideField{p.Name, p.In, kind(p.Schema), p.Description, p.Required})
	}
	if o.RequestBody != nil {
		g.Body = fields(resolved(spec, o.RequestBody.Content["application/json"].Schema))
	}
	for status, r := range o.Responses {
		if m := r.Content["application/json"]; status != "default" && m != nil {
			_, g.Answer, _ = strings.Cut(m.Schema.Ref, "schemas/")
		}
	}
	return g
}

func resolved(spec *huma.OpenAPI, s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		return spec.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

func fields(s *huma.Schema) (all []guideField) {
	for name, f := range s.Properties {
		all = append(all, guideField{name, "", kind(f), f.Description, slices.Contains(s.Required, name)})
	}
	slices.SortFunc(all, func(a, b guideField) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// kind is a schema's type in a few words.
func kind(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		_, name, _ := strings.Cut(s.Ref, "schemas/")
		return name
	case s.Items != nil:
		return "list of " + kind(s.Items)
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i], _ = e.(string)
		}
		return strings.Join(words, " | ")
	case s.Format != "" && s.Type == "string":
		return s.Format
	}
	return s.Type
}

// curl is an example as one types it.
func curl(method string, e example) string {
	b := strings.Builder{}
	b.WriteString("curl -H \"Authorization: Bearer $KEY\"")
	if method != http.MethodGet {
		b.WriteString(" -X " + method)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		b.WriteString(" -H '" + name + ": " + e.Header[name] + "'")
	}
	if e.Body != "" {
		b.WriteString(" --json '" + told(e.Body) + "'")
	}
	b.WriteString(" \"$DESK" + base + e.Path + "\"")
	return b.String()
}

func (s *Surface) openapi(v *web.Visit) error {
	return send(v, "application/openapi+json", s.spec)
}

func (s *Surface) docs(v *web.Visit) error { return send(v, "text/html; charset=utf-8", s.guide) }

func (s *Surface) style(v *web.Visit) error {
	b, err := assets.ReadFile("docs.css")
	if err != nil {
		return err
	}
	return send(v, "text/css; charset=utf-8", b)
}

func send(v *web.Visit, kind string, b []byte) error {
	v.W.Header().Set("Content-Type", kind)
	_, _ = v.W.Write(b) // whoever has gone away is told nothing
	return nil
}
