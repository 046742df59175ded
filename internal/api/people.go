package api

import (
	"context"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
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
	Link         string   `json:"link,omitempty" doc:"Shown once: the one-time link behind which she chooses a password, within 24 hours"`
}

// People are those of the tenant.
type People struct {
	People []Person `json:"people" nullable:"false"`
}

type (
	personIn struct {
		Person string `path:"person" pattern:"^[0-9]{1,19}$" doc:"The person's id" example:"2"`
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
	changePersonIn struct {
		Person string `path:"person" pattern:"^[0-9]{1,19}$" doc:"The person's id" example:"2"`
		Body   struct {
			Login    *string   `json:"login,omitempty" minLength:"1" maxLength:"254"`
			Name     *string   `json:"name,omitempty" minLength:"1" maxLength:"64"`
			Role     *string   `json:"role,omitempty" enum:"agent,supervisor,administrator,auditor"`
			Locale   *string   `json:"locale,omitempty" enum:"en,zh_CN"`
			Channels *[]string `json:"channels,omitempty" nullable:"false" maxItems:"200"`
		}
	}
)

func (d *door) people() {
	op := func(id, method, path, title, text, body string) operation {
		return operation{
			id: id, method: method, path: path, may: desk.PeopleManage, group: "People",
			title: title, text: text, example: example{Path: path, Body: body},
		}
	}
	add(d, op("list-people", http.MethodGet, "/people", "List people", "", ""), d.listPeople)
	add(d, op("get-person", http.MethodGet, "/people/{person}", "Read one person", "", ""), d.getPerson)
	create := op("create-person", http.MethodPost, "/people", "Let somebody in", "The answer holds a one-time link behind which she chooses a password.",
		`{"login":"wang@example.com","name":"王芳","role":"agent","locale":"zh_CN"}`)
	create.status = http.StatusCreated
	add(d, create, d.addPerson)
	add(d, op("change-person", http.MethodPatch, "/people/{person}", "Change a person", "What is absent stays. With another role or other channels her sessions end.",
		`{"role":"supervisor"}`), d.changePerson)
	add(d, op("disable-person", http.MethodPost, "/people/{person}/disable", "Shut somebody out", "Her sessions end at once and her threads go back.", ""),
		func(ctx context.Context, a *desk.Actor, in *personIn) (*answer[Person], error) {
			return d.turn(ctx, a, in, d.People.Disable)
		})
	add(d, op("enable-person", http.MethodPost, "/people/{person}/enable", "Let somebody in again", "", ""),
		func(ctx context.Context, a *desk.Actor, in *personIn) (*answer[Person], error) {
			return d.turn(ctx, a, in, d.People.Enable)
		})
}

func personOf(p *desk.Person) Person {
	out := Person{
		ID: p.ID.String(), Login: p.Login, Name: p.Name, Role: string(p.Role), Channels: []string{}, Locale: p.Locale,
		Disabled: p.Disabled, SecondFactor: p.TOTP != nil, CreatedAt: stamp(p.CreatedAt), SeenAt: stamp(p.SeenAt),
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
	out := People{People: make([]Person, len(all))}
	for i := range all {
		out.People[i] = personOf(&all[i])
	}
	return &answer[People]{Body: out}, nil
}

func (s *Surface) getPerson(ctx context.Context, a *desk.Actor, in *personIn) (*answer[Person], error) {
	p, err := s.person(ctx, a, in.Person)
	return &answer[Person]{Body: personOf(&p)}, err
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
	out := personOf(&p)
	out.Link = s.origin(ctx) + "/invite/" + token
	return &answer[Person]{Body: out}, nil
}

// origin is how the program reached us.
func (s *Surface) origin(ctx context.Context) string {
	r := of(ctx).visit.R
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
	who, err := whom(in.Person)
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
	return &answer[Person]{Body: personOf(&p)}, here(err, errNoPerson)
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

func (s *Surface) turn(ctx context.Context, a *desk.Actor, in *personIn,
	do func(context.Context, *desk.Actor, desk.Whom) (desk.Person, error),
) (*answer[Person], error) {
	who, err := whom(in.Person)
	if err != nil {
		return nil, err
	}
	p, err := do(ctx, a, who)
	return &answer[Person]{Body: personOf(&p)}, here(err, errNoPerson)
}
