package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
)

// Key is an API key, without what opens anything.
type Key struct {
	ID        string   `json:"id" example:"3"`
	Name      string   `json:"name" example:"CRM"`
	Scopes    []string `json:"scopes" nullable:"false"`
	Disabled  bool     `json:"disabled"`
	CreatedAt string   `json:"created_at" format:"date-time"`
	UsedAt    string   `json:"used_at,omitempty" format:"date-time" doc:"To the minute; absent: never"`
	Text      string   `json:"key,omitempty" doc:"Shown once, when it was made" example:"abk_1_3_…"`
}

// Keys are those of the tenant.
type Keys struct {
	Keys []Key `json:"keys" nullable:"false"`
}

type (
	keyIn struct {
		Key string `path:"key" pattern:"^[0-9]{1,18}$" doc:"The key's id" example:"3"`
	}
	addKeyIn struct {
		Body struct {
			Name   string   `json:"name" minLength:"1" maxLength:"64"`
			Scopes []string `json:"scopes" nullable:"false" minItems:"1" maxItems:"20" doc:"None that the key which makes it lacks"`
		}
	}
)

func (s *Surface) keys() {
	op := func(id, method, path, title, text, body string) openapi.Operation {
		return openapi.Operation{
			ID: id, Method: method, Path: path, May: desk.KeysManage, Group: "API keys",
			Title: title, Text: text, Example: openapi.Example{Path: path, Body: body},
		}
	}
	openapi.Add(s.Door, op("list-keys", http.MethodGet, "/keys", "List API keys", "By name. What opens anything is not in it.", ""), s.listKeys)
	create := op("create-key", http.MethodPost, "/keys", "Make an API key",
		"It may do nothing that the key which makes it may not. What opens is in this answer and nowhere else.",
		`{"name":"Wallboard","scopes":["threads.see","board.see"]}`)
	create.Status = http.StatusCreated
	openapi.Add(s.Door, create, s.addKey)
	openapi.Add(s.Door, op("disable-key", http.MethodPost, "/keys/{key}/disable", "Switch an API key off", "On every node within a second. A key can switch itself off.", ""),
		func(ctx context.Context, a *desk.Actor, in *keyIn) (*answer[Key], error) {
			return s.turnKey(ctx, a, in, true)
		})
	openapi.Add(s.Door, op("enable-key", http.MethodPost, "/keys/{key}/enable", "Switch an API key on again", "", ""),
		func(ctx context.Context, a *desk.Actor, in *keyIn) (*answer[Key], error) {
			return s.turnKey(ctx, a, in, false)
		})
}

func keyOf(k *desk.APIKey) Key {
	return Key{
		ID: seq(k.ID), Name: k.Name, Scopes: append([]string{}, k.Scopes...), Disabled: k.Disabled,
		CreatedAt: stamp(k.CreatedAt), UsedAt: stamp(k.UsedAt),
	}
}

func (s *Surface) listKeys(ctx context.Context, a *desk.Actor, _ *nothing) (*answer[Keys], error) {
	all, err := s.Parts.Keys.List(ctx, a)
	if err != nil {
		return nil, err
	}
	return &answer[Keys]{Body: Keys{each(all, keyOf)}}, nil
}

func (s *Surface) addKey(ctx context.Context, a *desk.Actor, in *addKeyIn) (*answer[Key], error) {
	scopes := make([]desk.Permission, len(in.Body.Scopes))
	for i, text := range in.Body.Scopes {
		var err error
		if scopes[i], err = desk.ParsePermission(text); err != nil {
			return nil, errNoScope // the domain's sentence is for the command line, and repeats the word
		}
	}
	made, text, err := s.Parts.Keys.Create(ctx, a, in.Body.Name, scopes)
	if err != nil {
		return nil, err
	}
	out := keyOf(&made)
	out.Text = text
	return &answer[Key]{Body: out}, nil
}

var (
	errNoScope = desk.Errorf(desk.Invalid, "permission", "one of the scopes is none; %s/docs lists them", base)
	errNoKey   = desk.Errorf(desk.Missing, "api_key_unknown", "there is no such API key")
)

func (s *Surface) turnKey(ctx context.Context, a *desk.Actor, in *keyIn, off bool) (*answer[Key], error) {
	id, err := strconv.ParseInt(in.Key, 10, 64)
	if err != nil {
		return nil, errNoKey
	}
	k, err := s.Parts.Keys.Disable(ctx, a, id, off)
	return &answer[Key]{Body: keyOf(&k)}, here(err, errNoKey)
}
