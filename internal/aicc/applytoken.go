package aicc

import (
	"net/http"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// The failures of applyToken. Which of the reasons a channel has for not being
// there is not told: another tenant's looks like none.
var (
	noChannel = web.JSON(http.StatusOK, "no_channel", `{"resultCode":"1","resultDesc":"the channelId is not available."}`)
	badUser   = web.JSON(http.StatusOK, "invalid", `{"resultCode":"1","resultDesc":"the applyToken params is error."}`)
)

// applyToken hands out a ccmessaging-token for one customer in one channel
// (cec_07_0103). The body is flat, or in an object called reqBody.
func (s *surface) applyToken(c *web.Call) error {
	app, err := s.app(c)
	if err != nil {
		return err
	}
	body, err := c.JSON()
	if err != nil {
		return err
	}
	f, err := wrapped(body, "reqBody", "userId", "userName", "channelId", "locale")
	if err != nil {
		return err
	}
	ch, err := s.Keeper.Channel(app, f[2])
	if err != nil {
		return s.notApplied(c, err)
	}
	s.allowOrigin(c, ch)
	token, err := s.Keeper.CustomerToken(app, ch, auth.User{ID: f[0], Name: f[1], Locale: f[3]})
	if err != nil {
		return s.notApplied(c, err)
	}
	c.Answer(web.JSON(http.StatusOK, "applied", `{"resultCode":"0","token":"`+token+`"}`))
	return nil
}

func (s *surface) notApplied(c *web.Call, err error) error {
	switch desk.KindOf(err) {
	case desk.Missing:
		c.Answer(noChannel)
	case desk.Invalid:
		c.Answer(badUser)
	default:
		return err
	}
	return nil
}
