package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// savedLink is a filter in the left pane.
type savedLink struct {
	ID, Name, Href string
	N              int // -1: it is not counted
	Shared         bool
	Current        bool
	Swap           bool // only the list is exchanged
}

// keepForm keeps the list under a name, or changes what is kept.
type keepForm struct {
	ID       string // "": it is not kept yet, or is not hers to change
	Name     string
	Query    string
	Shared   bool
	MayShare bool
}

// saved puts the filters that she has into the page, and the form that keeps the
// one that is open.
func (v *visit) saved(page *deskPage, values url.Values) error {
	kept, err := v.ui.Desk.Kept(v.R.Context(), v.actor)
	if err != nil {
		return err
	}
	query := values.Encode()
	open := v.opened(kept, query)
	if page.Saved, err = v.savedLinks(kept, open, true); err != nil {
		return err
	}
	l := &page.List
	if did := v.R.URL.Query().Get("did"); did == "filter.kept" || did == "filter.changed" || did == "filter.removed" {
		l.Good = v.lang.say("did." + did)
	}
	if open != nil {
		page.Title, l.Title = shown(open.Name), shown(open.Name)
		l.Opened = true
		for i := range page.Views {
			page.Views[i].Current = false
		}
	}
	if open != nil || narrowed(values) || values.Has("order") || !slices.Contains(paned(), desk.View(values.Get("view"))) {
		l.Keep = &keepForm{Query: query, MayShare: handling.MayShare(&v.actor)}
		if open != nil && handling.MayManage(&v.actor, open) {
			l.Keep.ID, l.Keep.Name, l.Keep.Shared = strconv.FormatInt(open.ID, 10), open.Name, open.Shared
		}
	}
	return nil
}

// opened is the filter that the address is, rather one that she can change.
func (v *visit) opened(kept []desk.Filter, query string) (open *desk.Filter) {
	for i := range kept {
		if f := &kept[i]; f.Query == query && (open == nil || !handling.MayManage(&v.actor, open)) {
			open = f
		}
	}
	return open
}

// savedLinks lists filters for the left pane. What others share of channels that
// she does not see is left out.
func (v *visit) savedLinks(kept []desk.Filter, open *desk.Filter, swap bool) (links []savedLink, err error) {
	var lists []handling.ViewQuery
	for i := range kept {
		f := &kept[i]
		q, counts := v.kept(f)
		if q.Channel != 0 && !v.actor.Sees(q.Channel) {
			if f.Person != v.actor.Person {
				continue
			}
			counts = false
		}
		if !counts {
			q = handling.ViewQuery{View: desk.ViewClosed} // which is never counted
		}
		lists = append(lists, q)
		links = append(links, savedLink{
			ID: strconv.FormatInt(f.ID, 10), Name: shown(f.Name), Href: "/?" + f.Query, Shared: f.Shared,
			Current: open != nil && f.ID == open.ID, Swap: swap,
		})
	}
	counts, err := v.ui.Desk.CountEach(v.R.Context(), v.actor, lists)
	for i := range counts {
		links[i].N = counts[i]
	}
	return links, err
}

// kept reads what a filter asks for; one that cannot be read any more is a link
// like the others, behind which the page says so.
func (v *visit) kept(f *desk.Filter) (q handling.ViewQuery, ok bool) {
	get, err := url.ParseQuery(f.Query)
	if err == nil {
		q, _, err = v.parse(get)
	}
	return q, err == nil
}

// keepFilter keeps the list that the form stands in under a name.
func (v *visit) keepFilter() error {
	return v.filterAct("filter.kept", func(name string, shared bool, values url.Values) error {
		_, err := v.ui.Desk.KeepFilter(v.R.Context(), v.actor, name, values.Encode(), shared)
		return err
	})
}

func (v *visit) changeFilter() error {
	return v.filterAct("filter.changed", func(name string, shared bool, _ url.Values) error {
		id, err := v.filterID()
		if err == nil {
			_, err = v.ui.Desk.ChangeFilter(v.R.Context(), v.actor, id, name, shared)
		}
		return err
	})
}

func (v *visit) removeFilter() error {
	return v.filterAct("filter.removed", func(string, bool, url.Values) error {
		id, err := v.filterID()
		if err == nil {
			err = v.ui.Desk.RemoveFilter(v.R.Context(), v.actor, id)
		}
		return err
	})
}

func (v *visit) filterID() (int64, error) {
	id, err := strconv.ParseInt(v.R.PathValue("id"), 10, 64)
	if err != nil {
		return 0, desk.NoFilter()
	}
	return id, nil
}

// filterAct does something with a filter and goes back to the list that it stood
// in; what was wrong is shown there, with the name that was typed.
func (v *visit) filterAct(did string, do func(name string, shared bool, values url.Values) error) error {
	if err := v.Form(); err != nil {
		return err
	}
	name, shared := strings.TrimSpace(v.R.PostFormValue("name")), v.R.PostFormValue("shared") != ""
	_, values, err := v.filter()
	if err == nil || did != "filter.kept" { // one that cannot be read any more can be removed
		err = do(name, shared, values)
	}
	if err != nil {
		return v.again(err, func(text string) error {
			page, wrong := v.deskPage("list")
			if wrong != nil {
				return cmp.Or(err, wrong)
			}
			page.status, page.List.Problem = status(desk.KindOf(err)), text
			page.List.Filtered, page.List.Opened = true, false
			if page.List.Keep != nil {
				page.List.Keep.Name, page.List.Keep.Shared = name, shared
			}
			return v.render(page.status, "desk", "page", page)
		})
	}
	values.Set("did", did)
	v.Go("/?" + values.Encode())
	return nil
}
