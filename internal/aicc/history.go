package aicc

import (
	"net/http"

	"github.com/afterbeep/afterbeep/internal/web"
)

var noHistory = web.JSON(http.StatusOK, "no_history", `{"resultCode":"0","resultDesc":"success","messageList":[]}`)

// history is queryHistoryChatMessage: nothing was ever chatted here.
func (s *surface) history(c *web.Call) error { return s.fixed(c, noHistory) }
