package aicc

import (
	"net/http"
	"time"

	"github.com/afterbeep/afterbeep/internal/web"
)

// pollHold is how long AICC holds an empty answer.
const pollHold = 5 * time.Second

var nothingNew = web.JSON(http.StatusOK, "nothing_new", `{"resultCode":"0","resultDesc":"query user messages success","downlinkMessages":[]}`)

// poll waits for messages of an agent, of which there are none. It is held as
// long as AICC does, or a client's loop would be a flood; it ends when the
// client leaves and when the server does.
func (s *surface) poll(c *web.Call) error {
	if _, err := s.enter(c); err != nil {
		return err
	}
	hold := time.NewTimer(pollHold)
	defer hold.Stop()
	select {
	case <-hold.C:
	case <-s.Draining:
	case <-c.R.Context().Done():
		c.Abort("client_gone")
	}
	c.Answer(nothingNew)
	return nil
}
