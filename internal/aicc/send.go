package aicc

import (
	"net/http"

	"github.com/afterbeep/afterbeep/internal/web"
)

// The answers of send. 12 is what makes a client show its leave-a-message form;
// 13 is a failure, after which it does the same.
var (
	outsideHours = web.JSON(http.StatusOK, "outside_hours", `{"resultCode":"12","resultDesc":"The current time is not within the working time of the service agents"}`)
	noSession    = web.JSON(http.StatusOK, "no_session", `{"resultCode":"13","resultDesc":"There is no session. Please leave a message."}`)
	nothingToDo  = web.JSON(http.StatusOK, "ignored", `{"resultCode":"0","resultDesc":"success"}`)
)

// send is send, sendAsync and sendSync. There is no live chat here, so asking
// for one leads to the form. Words sent into a session that does not exist are
// refused and never answered with 0: they would be acknowledged and lost. What
// carries no words (typing, read, good-bye) is taken as said.
func (s *surface) send(c *web.Call) error {
	if _, err := s.enter(c); err != nil {
		return err
	}
	body, err := c.JSON()
	if err != nil {
		return err
	}
	f, err := fields(body, "controlType")
	if err != nil {
		return err
	}
	switch f[0] {
	case "CONNECT", "TRANS2AGENT":
		c.Answer(outsideHours)
	case "DISCONNECT", "INPUT", "READ":
		c.Answer(nothingToDo)
	default:
		c.Answer(noSession)
	}
	return nil
}
