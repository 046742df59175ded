package aicc

import (
	"errors"
	"net/http"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// manners is how one kind of call says no.
type manners struct {
	invalid  web.Answer // the values cannot be right
	unstored web.Answer // known not stored
	unknown  web.Answer // nobody knows; also what a panic gets
	limited  web.Answer // too often
	busy     web.Answer // overloaded or draining
	denied   web.Answer // not who they say they are
}

// refuse is the table from what went wrong to what is answered.
func (m manners) refuse(err error) web.Answer {
	var refused *web.Refusal
	if errors.As(err, &refused) {
		return refused.Answer
	}
	var e *desk.Error
	if !errors.As(err, &e) {
		return m.unknown
	}
	switch e.Kind {
	case desk.Unauthenticated:
		return m.denied
	case desk.Invalid, desk.Missing:
		return m.invalid
	case desk.Conflict:
		return web.Problem(http.StatusBadRequest, e.Code, e.Text)
	case desk.Forbidden:
		return web.Problem(http.StatusForbidden, e.Code, e.Text)
	case desk.Limited:
		return m.limited.RetryAfter(e.RetryAfter)
	case desk.Busy:
		return m.busy.RetryAfter(e.RetryAfter)
	case desk.Unstored:
		return m.unstored
	default: // Internal, Unknown
		return m.unknown
	}
}

// The answers of doLeaveMessage, as the document has them (Table 3).
const (
	savedText    = `{"resultCode":"0","resultDesc":"Save leaveMessage success!"}`
	invalidText  = `{"resultCode":"3","resultDesc":"the leaveMessageParams is error."}`
	unstoredText = `{"resultCode":"13","resultDesc":"Save leaveMessage failed!"}`
	unknownText  = `{"resultCode":"13","resultDesc":"Exception appeared!"}`
)

// The same of the second front door (cec_07_0959), where returnCode is 0 or 3.
// Whatever was not stored is 3: a client that reads returnCode alone must not
// take a failure for success.
const (
	facadeSaved    = `{"returnCode":"0","resultCode":"0","description":"","resultDesc":"Save leaveMessage success!"}`
	facadeInvalid  = `{"returnCode":"3","resultCode":"3","description":"the leaveMessageParams is error.","resultDesc":"the leaveMessageParams is error."}`
	facadeUnstored = `{"returnCode":"3","resultCode":"13","description":"","resultDesc":"Save leaveMessage failed!"}`
	facadeUnknown  = `{"returnCode":"3","resultCode":"13","description":"","resultDesc":"Exception appeared!"}`
)

// deniedText is the sentence of every 401: clients look for it (cec_07_0088).
const deniedText = "auth fail! illegal or expired token info. please apply or refresh the access token from the server!"

var (
	saved       = web.JSON(http.StatusOK, "saved", savedText)
	savedFacade = web.JSON(http.StatusOK, "saved", facadeSaved)

	denied      = web.Problem(http.StatusUnauthorized, "unauthorized", deniedText)
	deniedToken = denied.With("WWW-Authenticate", "Bearer")
	failed      = web.Problem(http.StatusInternalServerError, "internal", "the request could not be processed; please try again")

	// gateway speaks for the credentials' side of AICC.
	gateway = manners{
		invalid:  web.Problem(http.StatusBadRequest, "bad_parameters", "a parameter is missing or wrong"),
		unstored: failed,
		unknown:  failed,
		limited:  web.Problem(http.StatusTooManyRequests, "too_many_requests", "too many requests; please wait as Retry-After says"),
		busy:     web.Problem(http.StatusServiceUnavailable, "busy", "the server is busy; please wait as Retry-After says"),
		denied:   denied,
	}
	// bearer is gateway behind an access token.
	bearer = manners{
		invalid: gateway.invalid, unstored: failed, unknown: failed,
		limited: gateway.limited, busy: gateway.busy, denied: deniedToken,
	}
	// leaving is doLeaveMessage.
	leaving = manners{
		invalid:  web.JSON(http.StatusOK, "invalid", invalidText),
		unstored: web.JSON(http.StatusOK, "unstored", unstoredText),
		unknown:  web.JSON(http.StatusOK, "unknown", unknownText),
		limited:  web.JSON(http.StatusTooManyRequests, "limited", unstoredText),
		busy:     web.JSON(http.StatusServiceUnavailable, "busy", unstoredText),
		denied:   deniedToken,
	}
	// facade is doLeaveMessage by the second front door.
	facade = manners{
		invalid:  web.JSON(http.StatusOK, "invalid", facadeInvalid),
		unstored: web.JSON(http.StatusOK, "unstored", facadeUnstored),
		unknown:  web.JSON(http.StatusOK, "unknown", facadeUnknown),
		limited:  web.JSON(http.StatusTooManyRequests, "limited", facadeUnstored),
		busy:     web.JSON(http.StatusServiceUnavailable, "busy", facadeUnstored),
		denied:   denied,
	}
)
