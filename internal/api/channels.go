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

// Channel is one place where customers leave messages.
type Channel struct {
	ID         string   `json:"id" doc:"AICC's Configuration ID" example:"202611230000000001"`
	Name       string   `json:"name" example:"Website"`
	Locale     string   `json:"locale" example:"zh_CN"`
	Region     string   `json:"region" doc:"How local numbers are read" example:"CN"`
	TextLimit  int      `json:"text_limit" doc:"Characters of a message"`
	Origins    []string `json:"origins" nullable:"false" doc:"Web origins whose browsers may call (CORS)"`
	Allocation string   `json:"allocation" enum:"self,hand,auto"`
	Target     int      `json:"target_minutes" doc:"From a first message to the first call; 0 promises nothing"`
	Disabled   bool     `json:"disabled"`
	CreatedAt  string   `json:"created_at" format:"date-time"`
	Version    string   `json:"version" doc:"The ETag, without its quotes" example:"5f1d9c0e8a7b6c3d"`
}

// Channels are those of the tenant.
type Channels struct {
	Channels []Channel `json:"channels" nullable:"false"`
}

// ChannelBody is what of a channel can be said; what is absent stays, or is the
// default.
type ChannelBody struct {
	Locale     *string   `json:"locale,omitempty" maxLength:"6"`
	Region     *string   `json:"region,omitempty" maxLength:"2"`
	TextLimit  *int      `json:"text_limit,omitempty" minimum:"1500" maximum:"10000"`
	Origins    *[]string `json:"origins,omitempty" nullable:"false" maxItems:"100"`
	Allocation *string   `json:"allocation,omitempty" enum:"self,hand,auto"`
	Target     *int      `json:"target_minutes,omitempty" minimum:"0" maximum:"129600"`
	Disabled   *bool     `json:"disabled,omitempty"`
}

// ChannelPath names a channel; it is exported for the library, which reads fields.
type ChannelPath struct {
	Channel string `path:"channel" pattern:"^[0-9]{18}$" doc:"Its Configuration ID" example:"202611230000000001"`
}

type (
	channelIn    struct{ ChannelPath }
	addChannelIn struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"64"`
			ChannelBody
		}
	}
	changeChannelIn struct {
		ChannelPath
		openapi.Match
		Body struct {
			Name *string `json:"name,omitempty" minLength:"1" maxLength:"64"`
			ChannelBody
		}
	}
)

func (s *Surface) channels() {
	openapi.Add(s.Door, openapi.Operation{
		ID: "list-channels", Method: http.MethodGet, Path: "/channels", May: desk.ThreadsSee, Group: "Channels",
		Title: "List channels", Example: openapi.Example{Path: "/channels"},
	}, s.listChannels)
	openapi.Add(s.Door, openapi.Operation{
		ID: "get-channel", Method: http.MethodGet, Path: "/channels/{channel}", May: desk.ThreadsSee, Group: "Channels",
		Title: "Read one channel", Example: openapi.Example{Path: "/channels/{channel}"},
	}, s.getChannel)
	openapi.Add(s.Door, openapi.Operation{
		ID: "create-channel", Method: http.MethodPost, Path: "/channels", May: desk.ChannelsManage, Group: "Channels",
		Title: "Make a channel", Status: http.StatusCreated,
		Example: openapi.Example{Path: "/channels", Body: `{"name":"Shop","locale":"en_GB","region":"GB","target_minutes":240}`},
	}, s.addChannel)
	openapi.Add(s.Door, openapi.Operation{
		ID: "change-channel", Method: http.MethodPatch, Path: "/channels/{channel}", May: desk.ChannelsManage, Group: "Channels",
		Title: "Change a channel", Text: "What is absent stays.",
		Example: openapi.Example{Path: "/channels/{channel}", Body: `{"allocation":"auto"}`},
	}, s.changeChannel)
}

func channelOf(c *desk.Channel) Channel {
	out := Channel{
		ID: c.ID.String(), Name: c.Name, Locale: c.Locale, Region: c.Region, TextLimit: c.TextLimit,
		Origins: append([]string{}, c.Origins...), Allocation: c.Allocation, Target: int(c.Target / time.Minute),
		Disabled: c.Disabled, CreatedAt: stamp(c.CreatedAt),
	}
	if out.Allocation == "" {
		out.Allocation = desk.AllocSelf
	}
	out.Version = openapi.Mark(out)
	return out
}

func aChannel(c *desk.Channel) *answer[Channel] {
	out := channelOf(c)
	return &answer[Channel]{ETag: strconv.Quote(out.Version), Body: out}
}

func (b *ChannelBody) into(c *desk.Channel) {
	set(&c.Locale, b.Locale)
	set(&c.Region, b.Region)
	set(&c.TextLimit, b.TextLimit)
	set(&c.Origins, b.Origins)
	set(&c.Allocation, b.Allocation)
	set(&c.Disabled, b.Disabled)
	if b.Target != nil {
		c.Target = time.Duration(*b.Target) * time.Minute
	}
}

var errNoChannel = desk.Errorf(desk.Missing, "channel", "there is no such channel")

// channelID reads a channel of the actor's tenant; another's is Missing.
func (s *Surface) channelID(ctx context.Context, a *desk.Actor, text string) (desk.ChannelID, error) {
	ids, err := s.channelIDs(ctx, a, []string{text})
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

func (s *Surface) channelIDs(ctx context.Context, a *desk.Actor, texts []string) (ids []desk.ChannelID, err error) {
	if len(texts) == 0 {
		return nil, nil
	}
	all, err := s.Rooms.Channels(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	there := map[string]desk.ChannelID{}
	for i := range all {
		there[all[i].ID.String()] = all[i].ID
	}
	for _, text := range texts {
		id, ok := there[text]
		if !ok {
			return nil, errNoChannel
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (s *Surface) listChannels(ctx context.Context, a *desk.Actor, _ *nothing) (*answer[Channels], error) {
	all, err := s.Rooms.Channels(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	return &answer[Channels]{Body: Channels{each(all, channelOf)}}, nil
}

func (s *Surface) getChannel(ctx context.Context, a *desk.Actor, in *channelIn) (*answer[Channel], error) {
	all, err := s.Rooms.Channels(ctx, a.Tenant)
	for i := range all {
		if all[i].ID.String() == in.Channel {
			return aChannel(&all[i]), nil
		}
	}
	return nil, cmp.Or(err, error(errNoChannel))
}

func (s *Surface) addChannel(ctx context.Context, a *desk.Actor, in *addChannelIn) (*answer[Channel], error) {
	now := s.Now().UTC().Truncate(time.Microsecond)
	c := desk.Channel{
		Tenant: a.Tenant, ID: auth.NewChannelID(now), Name: in.Body.Name, CreatedAt: now,
		Locale: "zh_CN", Region: "CN", TextLimit: desk.DefaultTextLimit, Allocation: desk.AllocSelf,
	}
	in.Body.into(&c)
	if err := s.Rooms.AddChannel(ctx, c); err != nil {
		return nil, err
	}
	return aChannel(&c), s.note(ctx, a, people.Done{Action: desk.ChannelCreated, Object: "channel:" + c.ID.String()})
}

func (s *Surface) changeChannel(ctx context.Context, a *desk.Actor, in *changeChannelIn) (*answer[Channel], error) {
	id, err := s.channelID(ctx, a, in.Channel)
	if err != nil {
		return nil, err
	}
	var stale error // the store takes every conflict for a name that is taken
	c, err := s.Rooms.ChangeChannel(ctx, a.Tenant, id.String(), func(c *desk.Channel) error {
		if stale = in.Matches(channelOf(c).Version); stale != nil {
			return stale
		}
		set(&c.Name, in.Body.Name)
		in.Body.into(c)
		return nil
	})
	if err != nil {
		return nil, cmp.Or(stale, here(err, errNoChannel))
	}
	return aChannel(&c), s.note(ctx, a, people.Done{Action: desk.ChannelChanged, Object: "channel:" + id.String()})
}
