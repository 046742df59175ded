package aicc

import (
	"net/http"
	"slices"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// crossSite knows a browser that another site sent.
var crossSite http.CrossOriginProtection

var errCrossSite = desk.Errorf(desk.Forbidden, "cross_site", "this origin may not leave messages in this channel")

// leaveByCookie is doLeaveMessage by the second front door (cec_07_0959): no
// Authorization, the ccmessaging-token in a cookie, and the token alone says
// who the customer is.
func (s *surface) leaveByCookie(c *web.Call) error {
	who, err := s.customer(c, nil, cookie(c.R))
	if err != nil {
		return err
	}
	if crossSite.Check(c.R) != nil && !slices.Contains(who.Channel.Origins, single(c, "Origin")) {
		s.suspicious("cross_site", string(who.App.Key))
		return errCrossSite
	}
	if err := s.appRate(who.App); err != nil {
		return err
	}
	body, err := c.JSON()
	if err != nil {
		return err
	}
	f, err := fields(body, "phoneNo", "leaveMessage")
	if err != nil {
		return err
	}
	return s.leave(c, message(who, callID(who.ID), f[0], f[1]), who.Channel, savedFacade)
}

// cookie is the token of the one cookie that carries it; two are none.
func cookie(r *http.Request) string {
	if all := r.CookiesNamed(cookieToken); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// callID makes a callId of a userId, which may be longer: 32 characters against
// 24. The message keeps the whole userId beside it.
func callID(userID string) string {
	r := []rune(strings.TrimSpace(userID))
	return string(r[:min(len(r), desk.MaxCallID)])
}
