package aicc

import (
	"strings"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Headers in the form in which net/http keeps them.
const (
	headerAuthorization = "Authorization"
	headerAppKey        = "X-App-Key"
	headerToken         = "Ccmessaging-Token"
	headerExpire        = "X-Token-Expire"
	headerKey           = "Idempotency-Key"
	headerReference     = "Afterbeep-Reference"
	headerReplayed      = "Idempotency-Replayed"
	cookieToken         = "ccmessaging-token"
)

// errUnreadable: nobody knows who is allowed at the moment. It must not be a
// 401, or clients would throw good tokens away.
var errUnreadable = web.Refuse(failed)

// enter checks the three credentials of the messaging calls, and hands out a
// fresh ccmessaging-token when the one presented is near its end.
func (s *surface) enter(c *web.Call) (auth.Customer, error) {
	app, err := s.app(c)
	if err != nil {
		return auth.Customer{}, err
	}
	return s.customer(c, app, single(c, headerToken))
}

// app checks x-app-key and Authorization.
func (s *surface) app(c *web.Call) (*desk.App, error) {
	key := single(c, headerAppKey)
	app, err := s.Keeper.Access(key, bearerToken(single(c, headerAuthorization)))
	if err != nil {
		return nil, s.turnedAway(c, err, key)
	}
	c.Note.App = string(app.Key)
	return app, nil
}

// customer checks a ccmessaging-token; app is nil where the token stands alone.
func (s *surface) customer(c *web.Call, app *desk.App, token string) (auth.Customer, error) {
	who, err := s.Keeper.Customer(app, token)
	if err != nil {
		return who, s.turnedAway(c, err, c.Note.App)
	}
	c.Note.App = string(who.App.Key)
	s.allowOrigin(c, who.Channel)
	if who.Fresh != "" {
		c.Set(headerToken, who.Fresh)
	}
	return who, nil
}

// turnedAway gives the error to answer, after a security event if need be.
func (s *surface) turnedAway(c *web.Call, err error, app string) error {
	if desk.KindOf(err) == desk.Internal {
		return errUnreadable
	}
	if auth.Hostile(err) {
		s.suspicious(reasonOf(err), app)
	}
	s.showRefusal(c)
	return err
}

func reasonOf(err error) string {
	if e, ok := err.(*desk.Error); ok {
		return e.Code
	}
	return "unknown"
}

// single is the value of a header that may be given once. Two of it are worth
// as little as none: nobody knows which one a proxy has looked at.
func single(c *web.Call, name string) string {
	if v := c.R.Header[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// bearerToken takes the token out of "Bearer <token>". The scheme's case does
// not matter, nor how many spaces follow it (RFC 9110, 11.1).
func bearerToken(value string) string {
	const scheme = "bearer "
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimLeft(value[len(scheme):], " ")
}
