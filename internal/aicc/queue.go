package aicc

import (
	"net/http"

	"github.com/afterbeep/afterbeep/internal/web"
)

var sessionEnded = web.JSON(http.StatusOK, "session_ended", `{"resultCode":"5","resultDesc":"the session has ended"}`)

// queueInfo is queryQueueInfo: nobody waits for an agent here.
func (s *surface) queueInfo(c *web.Call) error { return s.fixed(c, sessionEnded) }

// fixed gives one answer to whoever may ask. The body, if there is one, must be
// JSON, but nothing in it matters.
func (s *surface) fixed(c *web.Call, a web.Answer) error {
	if _, err := s.enter(c); err != nil {
		return err
	}
	body, err := c.JSON()
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if _, err := fields(body); err != nil {
			return err
		}
	}
	c.Answer(a)
	return nil
}
