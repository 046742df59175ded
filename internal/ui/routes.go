package ui

import (
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Route is one page or act, and what it takes to reach it.
type Route struct {
	Method, Path string
	Open         bool            // without signing in
	May          desk.Permission // "": whoever has signed in

	handle func(*visit) error
}

// Routes lists every page and act, for whoever checks who may reach what.
func Routes() []Route { return routes() }

const get, post = http.MethodGet, http.MethodPost

func routes() []Route { return append(work(), running()...) }

// work is what everybody here comes for.
func work() []Route {
	return []Route{
		// at the door
		{get, "/sign-in", true, "", (*visit).signInPage},
		{post, "/sign-in", true, "", (*visit).signIn},
		{post, "/sign-in/code", true, "", (*visit).code},
		{get, "/sign-in/elsewhere", true, "", (*visit).elsewhere},
		{get, "/sign-in/back", true, "", (*visit).back},
		{get, "/set-up/{secret}", true, "", (*visit).link},
		{post, "/set-up/{secret}", true, "", (*visit).accept},
		{get, "/invite/{secret}", true, "", (*visit).link},
		{post, "/invite/{secret}", true, "", (*visit).accept},

		// reading
		{get, "/{$}", false, desk.ThreadsSee, (*visit).inbox},
		{get, "/search", false, desk.ThreadsSee, (*visit).inbox},
		{get, "/thread/{id}", false, desk.ThreadsSee, (*visit).thread},
		{get, "/thread/{id}/print", false, desk.ThreadsSee, (*visit).print},
		{get, "/events", false, desk.ThreadsSee, (*visit).events},
		{get, "/keys", false, "", (*visit).keys},

		// what is kept; whose it is decides
		{post, "/filters", false, desk.ThreadsSee, (*visit).keepFilter},
		{post, "/filters/{id}", false, desk.ThreadsSee, (*visit).changeFilter},
		{post, "/filters/{id}/remove", false, desk.ThreadsSee, (*visit).removeFilter},

		// handling
		{post, "/thread/{id}/claim", false, desk.ThreadsHandle, (*visit).claim},
		{post, "/thread/{id}/keep", false, desk.ThreadsHandle, (*visit).keep},
		{post, "/thread/{id}/release", false, desk.ThreadsHandle, (*visit).release},
		{post, "/thread/{id}/assign", false, desk.ThreadsAssign, (*visit).assign},
		{post, "/thread/{id}/call", false, desk.ThreadsHandle, (*visit).call},
		{post, "/thread/{id}/note", false, desk.ThreadsHandle, (*visit).note},
		{post, "/thread/{id}/snooze", false, desk.ThreadsHandle, (*visit).snooze},
		{post, "/thread/{id}/close", false, desk.ThreadsHandle, (*visit).close},
		{post, "/thread/{id}/reopen", false, desk.ThreadsHandle, (*visit).reopen},
		{post, "/thread/{id}/undo", false, desk.ThreadsHandle, (*visit).undo},
		{post, "/thread/{id}/reveal", false, desk.ThreadsHandle, (*visit).reveal},
	}
}

// running is the settings, one's own and the place's.
func running() []Route {
	return []Route{
		// one's own
		{post, "/sign-out", false, "", (*visit).signOut},
		{get, "/settings", false, "", (*visit).own},
		{post, "/settings/language", false, "", (*visit).setLanguage},
		{post, "/settings/password", false, "", (*visit).setPassword},
		{post, "/settings/second", false, "", (*visit).beginSecond},
		{post, "/settings/second/on", false, "", (*visit).addSecond},
		{post, "/settings/second/off", false, "", (*visit).dropSecond},
		{post, "/settings/sessions/end", false, "", (*visit).endSession},

		// everybody's
		{get, "/settings/people", false, desk.PeopleManage, (*visit).people},
		{post, "/settings/people", false, desk.PeopleManage, (*visit).addPerson},
		{get, "/settings/people/{person}", false, desk.PeopleManage, (*visit).person},
		{post, "/settings/people/{person}", false, desk.PeopleManage, (*visit).changePerson},
		{post, "/settings/people/{person}/reset", false, desk.PeopleManage, (*visit).resetPerson},
		{post, "/settings/people/{person}/disable", false, desk.PeopleManage, (*visit).disablePerson},
		{post, "/settings/people/{person}/enable", false, desk.PeopleManage, (*visit).enablePerson},
		{get, "/settings/channels", false, desk.ChannelsManage, (*visit).channels},
		{post, "/settings/channels", false, desk.ChannelsManage, (*visit).addChannel},
		{get, "/settings/channels/{channel}", false, desk.ChannelsManage, (*visit).channel},
		{post, "/settings/channels/{channel}", false, desk.ChannelsManage, (*visit).changeChannel},
		{get, "/settings/apps", false, desk.AppsManage, (*visit).apps},
		{post, "/settings/apps", false, desk.AppsManage, (*visit).addApp},
		{post, "/settings/apps/rotate", false, desk.AppsManage, (*visit).rotateApp},
		{post, "/settings/apps/disable", false, desk.AppsManage, (*visit).disableApp},
		{post, "/settings/apps/enable", false, desk.AppsManage, (*visit).enableApp},
		{get, "/settings/keys", false, desk.KeysManage, (*visit).apiKeys},
		{post, "/settings/keys", false, desk.KeysManage, (*visit).addKey},
		{post, "/settings/keys/disable", false, desk.KeysManage, (*visit).disableKey},
		{post, "/settings/keys/enable", false, desk.KeysManage, (*visit).enableKey},
		{get, "/settings/audit", false, desk.AuditRead, (*visit).audit},
	}
}
