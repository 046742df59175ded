package ui

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// auditPage is the audit log, the newest first.
type auditPage struct {
	shell
	Deeds           []deedRow
	Actors, Actions []option
	Since, Until    string
	Object, About   string // only about that, and what it is in words
	Older           string // the address of the next page
	Narrowed        bool
	status          int
}

// deedRow is a row as a person reads it. What was done, and to what, is told in
// her language; names and details are what others wrote.
type deedRow struct {
	Seq                         int64
	At                          stamp
	Name                        []piece
	Who, Address, Action, About string
	By, Object, Thread          string // the addresses of all that he did, of all that was done to it, and of the thread
	Details                     []detail
}

// detail is one thing that a row's data says.
type detail struct {
	Label, Was, Is []piece
	Changed        bool
}

const auditRows = 100

func (v *visit) audit() error {
	s, err := v.settings("audit")
	if err != nil {
		return err
	}
	names, err := v.ui.names.roll(v.R.Context(), v.actor.Tenant)
	if err != nil {
		return err
	}
	q, asked, wrong := v.deedsAsked()
	page := auditPage{
		shell: s, Since: asked.Get("since"), Until: asked.Get("until"), Object: q.Object, About: v.about(names, q.Object, nil),
		Narrowed: len(asked) > 0, status: http.StatusOK, Actors: v.actors(names, q.Actor),
	}
	for _, action := range desk.Actions() {
		page.Actions = append(page.Actions, option{action, v.lang.say("deed." + action), action == q.Action})
	}
	if wrong != nil {
		page.status, page.Problem = status(desk.KindOf(wrong)), v.lang.problemOf(wrong)
		return v.render(page.status, "audit", "page", page)
	}
	all, err := v.ui.Audit.Deeds(v.R.Context(), v.actor.Tenant, q)
	if err != nil {
		return err
	}
	for i := range all {
		page.Deeds = append(page.Deeds, v.deedRow(&all[i], names))
	}
	if len(all) == auditRows && all[len(all)-1].Seq > 1 {
		asked.Set("before", strconv.FormatInt(all[len(all)-1].Seq, 10))
		page.Older = "/settings/audit?" + asked.Encode()
	}
	return v.render(page.status, "audit", "page", page)
}

// deedsAsked is what the address asks for; days are the reader's, and the last one
// is in it.
func (v *visit) deedsAsked() (q desk.DeedQuery, asked url.Values, err error) {
	get, asked := v.R.URL.Query(), url.Values{}
	for name, to := range map[string]*string{"by": &q.Actor, "action": &q.Action, "object": &q.Object} {
		if *to = strings.ToValidUTF8(strings.ReplaceAll(get.Get(name), "\x00", ""), ""); *to != "" {
			asked.Set(name, *to)
		}
	}
	for name, to := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		s := get.Get(name)
		if s == "" {
			continue
		}
		asked.Set(name, s)
		if *to, err = time.ParseInLocation(time.DateOnly, s, v.zone); err != nil {
			return q, asked, desk.Errorf(desk.Invalid, "when", "a day looks like 2026-11-23")
		}
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
	}
	q.Before, _ = strconv.ParseInt(get.Get("before"), 10, 64)
	q.Before, q.Limit = max(q.Before, 0), auditRows
	return q, asked, nil
}

// actors are who can be looked for: people, and those who are none.
func (v *visit) actors(names *roll, asked string) (all []option) {
	for i := range names.people {
		who := "person:" + names.people[i].ID.String()
		all = append(all, option{who, shown(names.people[i].Name), who == asked})
	}
	for _, who := range []string{"command", "provider", "stranger"} {
		all = append(all, option{who, v.lang.say("actor." + who), who == asked})
	}
	if asked != "" && !slices.ContainsFunc(all, func(o option) bool { return o.On }) {
		all = append(all, option{asked, v.who(asked), true})
	}
	return all
}

func (v *visit) deedRow(d *desk.Deed, names *roll) deedRow {
	var data map[string]any
	from := json.NewDecoder(strings.NewReader(d.Data))
	from.UseNumber()
	r := deedRow{
		Seq: d.Seq, At: v.at(d.At), Name: seen(d.Name), Who: v.who(d.Actor), Address: shown(d.Address), Action: shown(d.Action),
		By: "/settings/audit?" + url.Values{"by": {d.Actor}}.Encode(), Object: "/settings/audit?" + url.Values{"object": {d.Object}}.Encode(),
	}
	if d.Actor == "command" && d.Name == people.Operator(0).Name {
		r.Name = nil // who it is says the same, in the reader's language
	}
	if err := from.Decode(&data); err != nil {
		r.Details = []detail{{Is: seen(d.Data)}}
	}
	if text, ok := v.lang.texts["deed."+d.Action]; ok {
		r.Action = text
	}
	if d.Object != d.Actor { // who signs in does it to nobody
		r.About = v.about(names, d.Object, data)
	}
	if id, ok := strings.CutPrefix(d.Object, "thread:"); ok {
		r.Thread = "/thread/" + url.PathEscape(id)
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if about, ok := v.detail(names, name, data[name]); ok {
			r.Details = append(r.Details, about)
		}
	}
	return r
}

// who is what acted: a person, a key or one of those without a number.
func (v *visit) who(actor string) string {
	kind, id, _ := strings.Cut(actor, ":")
	if _, ok := v.lang.texts["actor."+kind]; !ok {
		return shown(actor)
	}
	return v.lang.say("actor."+kind, id)
}

// about is what something was done to, by its name where there is one.
func (v *visit) about(names *roll, object string, data map[string]any) string {
	kind, id, _ := strings.Cut(object, ":")
	if _, ok := v.lang.texts["object."+kind]; !ok {
		return shown(object)
	}
	if name, ok := data["name"].(string); ok && kind == "key" {
		id = name
	}
	return v.lang.say("object."+kind, v.word(names, kind, id))
}

// detail is a name and a value of a row's data; what is not asked for, as in an
// export of everything, is no detail.
func (v *visit) detail(names *roll, name string, value any) (detail, bool) {
	d := detail{Label: seen(name)}
	if text, ok := v.lang.texts["detail."+name]; ok {
		d.Label = seen(text)
	}
	if pair, ok := value.(map[string]any); ok && len(pair) == 2 && slices.Equal(slices.Sorted(maps.Keys(pair)), []string{"is", "was"}) {
		d.Was, d.Is, d.Changed = seen(v.value(names, name, pair["was"])), seen(v.value(names, name, pair["is"])), true
		return d, true
	}
	is := v.value(names, name, value)
	d.Is = seen(is)
	return d, is != "" && (value != false || name != "searched" && name != "one_caller")
}

func (v *visit) value(names *roll, name string, value any) string {
	switch x := value.(type) {
	case string:
		return v.word(names, name, x)
	case bool:
		return v.lang.say(map[bool]string{true: "yes", false: "no"}[x])
	case json.Number:
		return x.String()
	case []any:
		words := make([]string, len(x))
		for i := range x {
			words[i] = v.value(names, name, x[i])
		}
		if len(words) > 0 {
			return strings.Join(words, ", ")
		}
	case nil:
	default:
		b, err := json.Marshal(x)
		if err != nil {
			return fmt.Sprint(x)
		}
		return string(b)
	}
	if name == "channels" { // none is no limit
		return v.lang.say("filter.channel.all")
	}
	return ""
}

// word is a value in the reader's words, if it is one of ours.
func (v *visit) word(names *roll, name, s string) string {
	switch name {
	case "channel", "channels":
		if id, err := desk.ParseChannelID(s); err == nil {
			return names.channelName(id)
		}
	case "person", "owner":
		var id desk.PersonID
		if id.UnmarshalText([]byte(s)) == nil && names.person[id] != nil {
			return names.personName(id)
		}
	case "since", "until":
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return v.at(t).Full
		}
	case "scopes":
		name = "may"
		fallthrough
	case "role", "locale", "how", "reason", "second_factor", "view", "state", "outcome":
		if text, ok := v.lang.texts[name+"."+s]; ok {
			return text
		}
	}
	return s
}
