package aicc

import (
	"net/http"

	"github.com/afterbeep/afterbeep/internal/web"
)

var noSurvey = web.JSON(http.StatusOK, "no_survey", `{"resultCode":"0","resultDesc":"success","surveyType":"NO"}`)

// surveyMode is getsatisfactionsurveymode: the customer is not asked afterwards.
func (s *surface) surveyMode(c *web.Call) error { return s.fixed(c, noSurvey) }
