package aicc

import (
	"net/http"
	"slices"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Browsers on other origins may read our answers only where a channel lists
// their origin; no channel does by default.
const (
	allowedHeaders = "ccmessaging-token, x-app-key, Authorization, Content-Type, Idempotency-Key"
	exposedHeaders = "ccmessaging-token, afterbeep-reference"
	preflightAge   = "600" // seconds for which a browser remembers
)

var preflightOK = web.Empty(http.StatusNoContent, "preflight")

// preflight answers the browser's question for an origin that some enabled
// channel lists: which channel it will be is not known yet. Where the app's
// secret travels, no browser has any business.
func (s *surface) preflight(path string) func(*web.Call) bool {
	if path == pathToken {
		return nil
	}
	method := http.MethodPost
	if strings.HasSuffix(path, "/poll") {
		method = http.MethodGet
	}
	answer := preflightOK.With("Access-Control-Allow-Methods", method).
		With("Access-Control-Allow-Headers", allowedHeaders).
		With("Access-Control-Max-Age", preflightAge)
	return func(c *web.Call) bool {
		origin := single(c, "Origin")
		if origin == "" || c.R.Header.Get("Access-Control-Request-Method") == "" || !s.Keeper.Origin(origin) {
			return false
		}
		s.allow(c, origin)
		c.Answer(answer)
		return true
	}
}

// allowOrigin lets the browser read the answer if the channel lists its origin.
func (s *surface) allowOrigin(c *web.Call, ch *desk.Channel) {
	if origin := single(c, "Origin"); origin != "" && slices.Contains(ch.Origins, origin) {
		s.allow(c, origin)
	}
}

// showRefusal lets a browser see that its token has expired, so that it can
// apply for another: on a 401 no token says which channel it is.
func (s *surface) showRefusal(c *web.Call) {
	if origin := single(c, "Origin"); origin != "" && s.Keeper.Origin(origin) {
		s.allow(c, origin)
	}
}

func (s *surface) allow(c *web.Call, origin string) {
	c.Set("Access-Control-Allow-Origin", origin)
	c.Set("Access-Control-Expose-Headers", exposedHeaders)
	c.Set("Vary", "Origin")
	if c.R.URL.EscapedPath() == s.Base+pathFacade {
		c.Set("Access-Control-Allow-Credentials", "true") // its credential is a cookie
	}
}
