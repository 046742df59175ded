package openapi

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
)

//go:embed page.html page.css
var assets embed.FS

// guide is the document as the page shows it.
type guide struct {
	Title, About string
	Groups       []guideGroup
	Schemas      []guideSchema
	Codes        []guideCode
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

type guideCode struct {
	Status            int
	Title, Code, Text string
}

// document makes the OpenAPI document and the page, once: they do not change
// while the program runs.
func (d *Door) document() (err error) {
	spec := d.api.OpenAPI()
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(spec.Components.Schemas.Map(), name) // the library's own; ours is Problem
	}
	for _, o := range operations(spec) {
		if body := d.shows[o.OperationID].Body; body != "" {
			o.RequestBody.Content["application/json"].Example = json.RawMessage(told(body))
		}
	}
	if d.spec, err = json.MarshalIndent(spec, "", " "); err != nil {
		return err
	}
	page, err := template.ParseFS(assets, "page.html")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = page.Execute(&b, d.explain(spec))
	d.page = b.Bytes()
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
func (d *Door) explain(spec *huma.OpenAPI) guide {
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
	for _, c := range Codes() {
		g.Codes = append(g.Codes, guideCode{c.Status(), http.StatusText(c.Status()), c.Code, c.Text})
	}
	slices.SortStableFunc(g.Codes, func(a, b guideCode) int { return cmp.Compare(a.Status, b.Status) })
	return g
}

func (d *Door) explained(spec *huma.OpenAPI, o *huma.Operation) guideOperation {
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
func curl(method string, e Example) string {
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
	b.WriteString(" \"$DESK" + Base + e.Path + "\"")
	return b.String()
}
