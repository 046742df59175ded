package api

import (
	"context"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Person is a member of staff.
type Person struct {
	ID           string   `json:"id" example:"2"`
	Login        string   `json:"login" example:"ann@example.com"`
	Name         string   `json:"name" example:"Ann"`
	Role         string   `json:"role" enum:"agent,supervisor,administrator,auditor"`
	Channels     []string `json:"channels" nullable:"false" doc:"The only channels that she sees; none is all"`
	Locale       string   `json:"locale" enum:"en,zh_CN"`
	Disabled     bool     `json:"disabled"`
	SecondFactor bool     `json:"second_factor"`
	CreatedAt    string   `json:"created_at" format:"date-time"`
	SeenAt       string   `json:"seen_at,omitempty" format:"date-time" doc:"Her last sign-in"`
	Version      int64    `json:"version" doc:"Every change raises it, and so does a sign-in; the ETag" example:"3"`
	Link         string   `json:"link,omitempty" doc:"Shown once: the one-time link behind which she chooses a password, within 24 hours"`
}

// People are those of the tenant.
type People struct {
	People []Person `json:"people" nullable:"false"`
}

// PersonPath names a person; it is exported for the library, which reads fields.
type PersonPath struct {
	Person string `path:"person" pattern:"^[0-9]{1,19}$" doc:"The person's id" example:"2"`
}

type (
	personIn     struct{ PersonPath }
	turnPersonIn struct {
		PersonPath
		openapi.Match
	}
	addPersonIn struct {
		Body struct {
			Login    string   `json:"login" minLength:"1" maxLength:"254"`
			Name     string   `json:"name" minLength:"1" maxLength:"64"`
			Role     string   `json:"role" enum:"agent,supervisor,administrator,auditor"`
			Locale   string   `json:"locale,omitempty" enum:"en,zh_CN" default:"en"`
			Channels []string `json:"channels,omitempty" nullable:"false" maxItems:"200" doc:"Limit her to these; all without it"`
		}
	}
	resetPersonIn struct {
		PersonPath
		openapi.Match
		Body struct {
			Factor bool `json:"second_factor,omitempty" doc:"Remove her second factor as well: she has lost it"`
		}
	}
	changePersonIn struct {
		PersonPath
		openapi.Match
		Body struct {
			Login    *string   `json:"login,omitempty" minLength:"1" maxLength:"254"`
			Name     *string   `json:"name,omitempty" minLength:"1" maxLength:"64"`
			Role     *string   `json:"role,omitempty" enum:"agent,supervisor,administrator,auditor"`
			Locale   *string   `json:"locale,omitempty" enum:"en,zh_CN"`
			Channels *[]string `json:"channels,omitempty" nullable:"false" maxItems:"200"`
		}
	}
)

func (s *Surface) people() {
	op := func(id, method, path, title, text, body string) openapi.Operation {
		return openapi.Operation{
			ID: id, Method: method, Path: path, May: desk.PeopleManage, Group: "People",
			Title: title, Text: text, Example: openapi.Example{Path: path, Body: body},
		}
	}
	openapi.Add(s.Door, op("list-people", http.MethodGet, "/people", "List people", "", ""), s.listPeople)
	openapi.Add(s.Door, op("get-person", http.MethodGet, "/people/{person}", "Read one person", "", ""), s.getPerson)
	create := op("create-person", http.MethodPost, "/people", "Let somebody in", "The answer holds a one-time link behind which she chooses a password.",
		`{"login":"wang@example.com","name":"王芳","role":"agent","locale":"zh_CN"}`)
	create.Status = http.StatusCreated
	openapi.Add(s.Door, create, s.addPerson)
	openapi.Add(s.Door, op("change-person", http.MethodPatch, "/people/{person}", "Change a person", "What is absent stays. With another role or other channels her sessions end.",
		`{"role":"supervisor"}`), s.changePerson)
	openapi.Add(s.Door, op("disable-person", http.MethodPost, "/people/{person}/disable", "Shut somebody out", "Her sessions end at once and her threads go back.", ""),
		func(ctx context.Context, a *desk.Actor, in *turnPersonIn) (*answer[Person], error) {
			return s.turn(ctx, a, in, s.People.Disable)
		})
	openapi.Add(s.Door, op("enable-person", http.MethodPost, "/people/{person}/enable", "Let somebody in again", "", ""),
		func(ctx context.Context, a *desk.Actor, in *turnPersonIn) (*answer[Person], error) {
			return s.turn(ctx, a, in, s.People.Enable)
		})
	openapi.Add(s.Door, op("reset-person", http.MethodPost, "/people/{person}/reset", "Give somebody a link to a new password",
		"Her old password is void and her sessions end. The link, in the answer, serves once, within 24 hours; doing this again makes another and voids this one.",
		`{"second_factor":false}`), s.resetPerson)
	end := op("end-sessions", http.MethodPost, "/people/{person}/sessions/end", "End somebody's sessions", "All of them, at once. She can sign in again.", "")
	end.Status = http.StatusNoContent
	openapi.Add(s.Door, end, s.endSessions)
}

func personOf(p *desk.Person) Person {
	out := Person{
		ID: p.ID.String(), Login: p.Login, Name: p.Name, Role: string(p.Role), Channels: []string{}, Locale: p.Locale,
		Disabled: p.Disabled, SecondFactor: p.TOTP != nil, CreatedAt: stamp(p.CreatedAt), SeenAt: stamp(p.SeenAt), Version: p.Version,
	}
	for _, c := range p.Channels {
		out.Channels = append(out.Channels, c.String())
	}
	return out
}

var errNoPerson = desk.Errorf(desk.Missing, "person", "there is no such person")

// whom reads a person's ID.
func whom(text string) (w desk.Whom, err error) {
	if w.ID.UnmarshalText([]byte(text)) != nil || w.ID == 0 {
		return w, errNoPerson
	}
	return w, nil
}

// seen is a person at the version that If-Match names.
func seen(p *PersonPath, m *openapi.Match) (w desk.Whom, err error) {
	if w, err = whom(p.Person); err == nil {
		w.Version, err = openapi.Version(m.Match)
	}
	return w, err
}

func aPerson(p *desk.Person) *answer[Person] {
	return &answer[Person]{ETag: openapi.ETag(p.Version), Body: personOf(p)}
}

func (s *Surface) person(ctx context.Context, a *desk.Actor, text string) (desk.Person, error) {
	who, err := whom(text)
	if err != nil {
		return desk.Person{}, err
	}
	p, err := s.People.Find(ctx, a, who)
	if desk.KindOf(err) == desk.Missing {
		err = errNoPerson
	}
	return p, err
}

func (s *Surface) listPeople(ctx context.Context, a *desk.Actor, _ *nothing) (*answer[People], error) {
	all, err := s.People.List(ctx, a)
	if err != nil {
		return nil, err
	}
	return &answer[People]{Body: People{each(all, personOf)}}, nil
}

func (s *Surface) getPerson(ctx context.Context, a *desk.Actor, in *personIn) (*answer[Person], error) {
	p, err := s.person(ctx, a, in.Person)
	return aPerson(&p), err
}

func (s *Surface) addPerson(ctx context.Context, a *desk.Actor, in *addPersonIn) (*answer[Person], error) {
	b := &in.Body
	channels, err := s.channelIDs(ctx, a, b.Channels)
	if err != nil {
		return nil, err
	}
	p, token, err := s.People.Create(ctx, a, desk.Person{
		Login: b.Login, Name: b.Name, Role: desk.Role(b.Role), Locale: b.Locale, Channels: channels,
	}, "")
	if err != nil {
		return nil, err
	}
	return s.invited(ctx, &p, token), nil
}

// invited is a person with the one-time link, which is shown once.
func (s *Surface) invited(ctx context.Context, p *desk.Person, token string) *answer[Person] {
	out := aPerson(p)
	out.Body.Link = s.origin(ctx) + "/invite/" + token
	return out
}

func (s *Surface) resetPerson(ctx context.Context, a *desk.Actor, in *resetPersonIn) (*answer[Person], error) {
	who, err := seen(&in.PersonPath, &in.Match)
	if err != nil {
		return nil, err
	}
	p, token, err := s.People.Reset(ctx, a, who, in.Body.Factor)
	if err != nil {
		return nil, here(err, errNoPerson)
	}
	return s.invited(ctx, &p, token), nil
}

func (s *Surface) endSessions(ctx context.Context, a *desk.Actor, in *personIn) (*nothing, error) {
	who, err := whom(in.Person)
	if err != nil {
		return nil, err
	}
	return &nothing{}, here(s.People.EndSessions(ctx, a, who.ID), errNoPerson)
}

// origin is how the program reached us.
func (s *Surface) origin(ctx context.Context) string {
	r := openapi.Of(ctx).Visit.R
	switch {
	case s.Address != "":
		return s.Address
	case web.HTTPS(r):
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (s *Surface) changePerson(ctx context.Context, a *desk.Actor, in *changePersonIn) (*answer[Person], error) {
	b := &in.Body
	who, err := seen(&in.PersonPath, &in.Match)
	if err != nil {
		return nil, err
	}
	var channels []desk.ChannelID
	if b.Channels != nil {
		if channels, err = s.channelIDs(ctx, a, *b.Channels); err != nil {
			return nil, err
		}
	}
	p, err := s.People.Change(ctx, a, who, func(p *desk.Person) {
		set(&p.Login, b.Login)
		set(&p.Name, b.Name)
		set(&p.Role, (*desk.Role)(b.Role))
		set(&p.Locale, b.Locale)
		if b.Channels != nil {
			p.Channels = channels
		}
	})
	return aPerson(&p), here(err, errNoPerson)
}

// set takes over a value that was given.
func set[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}

// here puts our words for a thing that is not there in place of those for the
// command line.
func here(err, missing error) error {
	if desk.KindOf(err) == desk.Missing {
		return missing
	}
	return err
}

func (s *Surface) turn(ctx context.Context, a *desk.Actor, in *turnPersonIn,
	do func(context.Context, *desk.Actor, desk.Whom) (desk.Person, error),
) (*answer[Person], error) {
	who, err := seen(&in.PersonPath, &in.Match)
	if err != nil {
		return nil, err
	}
	p, err := do(ctx, a, who)
	return aPerson(&p), here(err, errNoPerson)
}
