package openapi

import (
	"net/http"
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Code is a word that an error of /v1 may have, and the status that it comes with.
type Code struct {
	Kind desk.Kind
	Code string
	Text string // what it means, and what to do
	// Quiet: the domain's own sentence repeats what was sent, so this one is said.
	Quiet bool
}

// Status is what it is answered with.
func (c Code) Status() int {
	if status := special[c.Code]; status != 0 {
		return status
	}
	return kinds[c.Kind].status
}

// Codes lists all of them. They are stable: one may be added, none gets another
// meaning. A test compares them with the source.
func Codes() []Code {
	return slices.Concat(entering(), there(), conflicts(), requests(), contents(), settings(), trouble())
}

// entering: who asks, and what he may.
func entering() []Code {
	return []Code{
		{Kind: desk.Unauthenticated, Code: "api_key_missing", Text: "there is no API key in Authorization"},
		{Kind: desk.Unauthenticated, Code: "api_key_wrong", Text: "the API key is not right, or was disabled"},
		{Kind: desk.Forbidden, Code: "scope", Text: "the key lacks a scope, or hands out one that it lacks"},
		{Kind: desk.Forbidden, Code: "not_allowed", Text: "the key, or the person for whom it acts, may not do that to threads"},
		{Kind: desk.Forbidden, Code: "forbidden", Text: "the key may not change people or keys"},
		{Kind: desk.Forbidden, Code: "by_hand", Text: "threads of this channel are given out; assign it"},
	}
}

// there: what is not there.
func there() []Code {
	return of(desk.Missing, []Code{
		{Code: "not_found", Text: "there is nothing at this path"},
		{Code: "message", Text: "the tenant has no such message"},
		{Code: "thread", Text: "the tenant has no such thread"},
		{Code: "person", Text: "the tenant has no such person"},
		{Code: "channel", Text: "the tenant has no such channel; with 422, its name cannot be one"},
		{Code: "channel_id", Text: "the channel does not take messages: it is not there, or is disabled"},
		{Code: "app", Text: "the tenant has no such app; with 422, its name cannot be one"},
		{Code: "api_key_unknown", Text: "the tenant has no such API key"},
	})
}

// conflicts: somebody, or something, was first.
func conflicts() []Code {
	return of(desk.Conflict, []Code{
		{Code: "claimed_by", Text: "somebody else has the thread; detail names her"},
		{Code: "thread_changed", Text: "others change the thread at this moment; read it, and try again"},
		{Code: "closed", Text: "the thread is closed; reopen it first"},
		{Code: "other_open", Text: "the caller has another open thread in the channel; detail names it"},
		{Code: "not_yours", Text: "the thread waits and is nobody's; claim it first"},
		{Code: "owner_gone", Text: "whom the thread would go back to is disabled; assign it"},
		{Code: "nothing_to_undo", Text: "nobody changed the thread, or it is undone already"},
		{Code: "changed_since", Text: "the thread changed after what was to be undone"},
		{Code: "undo_late", Text: "a change can be taken back for five minutes"},
		{Code: desk.SeenCode, Text: "others use this Idempotency-Key at this moment; try again"},
		{Code: "idempotency_key_reused", Text: "this Idempotency-Key came with something else before"},
		{Code: "history", Text: "there has been no such event: the store was restored; begin again at 0"},
		{Code: "disabled", Text: "the person is disabled; enable her first"},
		{Code: "last_administrator", Text: "the tenant would have no administrator; make another one first"},
		{Code: "login_exists", Text: "the login belongs to somebody already; choose another one", Quiet: true},
		{Code: "channel_exists", Text: "the name belongs to another channel already; choose another one", Quiet: true},
		{Code: "app_exists", Text: "the name belongs to another app already; choose another one", Quiet: true},
		{Code: "key_exists", Text: "the name belongs to another API key already; choose another one", Quiet: true},
		{Code: "version", Text: "it is not the version that If-Match names any more; read it, and decide again"},
	})
}

// requests: how a request is written.
func requests() []Code {
	return of(desk.Invalid, []Code{
		{Code: "body", Text: "the body is missing, or is not JSON with each name once"},
		{Code: "method_not_allowed", Text: "the path takes other methods; Allow names them"},
		{Code: "not_acceptable", Text: "answers are JSON"},
		{Code: "timeout", Text: "the body took too long"},
		{Code: "too_large", Text: "the body is too large"},
		{Code: "content_type", Text: "send application/json"},
		{Code: "values", Text: "some values are not as this page says; errors lists them"},
		{Code: "if_match", Text: "If-Match is the ETag of one version, with its quotes, or *"},
		{Code: "idempotency_key", Text: "Idempotency-Key is given once and has 1 to 255 visible ASCII characters"},
		{Code: "cursor", Text: "the cursor is of another list; begin again with the first page"},
		{Code: "limit", Text: "a page has 1 to 200 rows"},
		{Code: "after", Text: "after is the number of an event"},
		{Code: "since", Text: "since is a moment like 2026-11-23T09:30:00Z"},
		{Code: "until", Text: "until is such a moment; of a snooze, within the next 90 days"},
		{Code: "view", Text: "there is no such view", Quiet: true},
		{Code: "order", Text: "this view cannot be ordered so"},
		{Code: "outcome", Text: "there is no such outcome", Quiet: true},
		{Code: "kind", Text: "there are lists of calls and of notes"},
		{Code: "reference", Text: "a reference looks like 7K3Q-9F2M"},
		{Code: "format", Text: "a table is written as csv, xlsx or jsonl"},
	})
}

// contents: what is said of messages and threads.
func contents() []Code {
	return of(desk.Invalid, []Code{
		{Code: "again", Text: "the time of the next call does not go with the outcome, or is not within the next 90 days"},
		{Code: "text", Text: "the text is empty, too long, or has control characters; or there is no search here"},
		{Code: "search_short", Text: "this is too little to search for"},
		{Code: "search_long", Text: "this is too much to search for"},
		{Code: "no_person", Text: "a key holds no thread; name the person in For-Person"},
		{Code: "for_person", Text: "this person does not handle threads"},
		{Code: "assignee", Text: "there is no such person, or she cannot handle threads of this channel"},
		{Code: "note", Text: "a note has 1 to 2,000 characters"},
		{Code: "reason", Text: "a reason has at most 500 characters, and goes with closing"},
		{Code: "call_id", Text: "call_id has at most 24 characters, none of them a control"},
		{Code: "caller", Text: "a caller has 1 to 64 characters, none of them a control"},
		{Code: "user_id", Text: "user_id is too long, or has control characters"},
		{Code: "user_name", Text: "user_name is too long, or has control characters"},
	})
}

// settings: what is said of people, channels, apps and keys.
func settings() []Code {
	return of(desk.Invalid, []Code{
		{Code: "locale", Text: "the locale is none that is known here"},
		{Code: "region", Text: "the region is none", Quiet: true},
		{Code: "login", Text: "a login is an e-mail address or a short name, without spaces"},
		{Code: "name", Text: "a name has 1 to 64 visible characters"},
		{Code: "role", Text: "a role is one of agent, supervisor, administrator, auditor"},
		{Code: "channels", Text: "a person is limited to at most 200 channels"},
		{Code: "person_id", Text: "a person's id is a whole number"},
		{Code: "text_limit", Text: "a text limit is 1,500 to 10,000 characters"},
		{Code: "origin", Text: "an origin is a scheme and a host, without a path"},
		{Code: "allocation", Text: "allocation is one of self, hand, auto"},
		{Code: "target", Text: "a target is 0 to 90 days"},
		{Code: "key", Text: "a key's name has 1 to 64 visible characters"},
		{Code: "scopes", Text: "a key needs at least one scope"},
		{Code: "permission", Text: "one of the scopes is none", Quiet: true},
	})
}

// trouble: what is no fault of the request.
func trouble() []Code {
	return []Code{
		{Kind: desk.Limited, Code: "key_rate", Text: "too many messages with this key; wait as Retry-After says"},
		{Kind: desk.Internal, Code: "internal", Text: "something broke here; it is in the log"},
		{Kind: desk.Unknown, Code: "unknown", Text: "nobody knows whether it was stored; send it again with the same Idempotency-Key"},
		{Kind: desk.Busy, Code: "busy", Text: "nothing was stored; send it again after Retry-After"},
		{Kind: desk.Busy, Code: "index_in_the_making", Text: "searching is not ready yet; nothing else waits for it"},
		{Kind: desk.Busy, Code: "give_back", Text: "the person is shut out, and some of her threads are not given back yet; do it again"},
		{Kind: desk.Unstored, Code: "not_stored", Text: "it was not stored; send it again after Retry-After"},
	}
}

// of gives all of them one kind.
func of(kind desk.Kind, all []Code) []Code {
	for i := range all {
		all[i].Kind = kind
	}
	return all
}

// special are codes whose status is not their kind's.
var special = map[string]int{
	"body":               http.StatusBadRequest,
	"method_not_allowed": http.StatusMethodNotAllowed,
	"not_acceptable":     http.StatusNotAcceptable,
	"timeout":            http.StatusRequestTimeout,
	"too_large":          http.StatusRequestEntityTooLarge,
	"content_type":       http.StatusUnsupportedMediaType,
	"version":            http.StatusPreconditionFailed,
}

// quiet is the sentence in place of one that repeats what was sent; "" leaves it.
func quiet(code string) string {
	for _, c := range Codes() {
		if c.Code == code && c.Quiet {
			return c.Text
		}
	}
	return ""
}
