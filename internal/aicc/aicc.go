// Package aicc is the surface that a client written for Huawei Cloud AICC
// calls: tokenByAkSk, applyToken, doLeaveMessage by both of its doors, and the
// calls that a chat client makes around them before it gives up and shows its
// leave-a-message form. docs/contract.md says what every input gets.
//
// It promises the contract's answers byte for byte, that nothing is read of a
// stranger's body, and that "saved" is said only after the intake has flushed
// the message. It refuses to repair: JSON with a duplicate name or half a
// character is not read, a text is stored as sent or not at all.
//
// One file is one call. app makes the handler and serves it.
package aicc

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Intake takes a message down. When it returns no error, the message is on the
// disk. It fills in the message's ID and time.
type Intake interface {
	Take(ctx context.Context, m *desk.Message, textLimit int, key string) (desk.Receipt, error)
}

// Limits of this surface. What is 0 has no limit, but for Body.
type Limits struct {
	PerCallID int // messages a minute from one callId of an app
	PerApp    int // messages a minute from an app that has no limit of its own
	Body      int // bytes of a request's body; 65,536 when 0
}

// Parts is what the surface is made of.
type Parts struct {
	Keeper   *auth.Keeper
	Intake   Intake
	Limits   Limits
	Base     string          // in front of every path, such as /aicc
	Draining <-chan struct{} // closed when the server stops: held polls end
	Log      *slog.Logger
	// Observe, when set, is told about every answer.
	Observe func(route string, status int, code string, took time.Duration)
	// Security, when set, is told the reason of every security event.
	Security func(reason string)
}

// The paths, exact.
const (
	pathToken    = "/apigovernance/api/oauth/tokenByAkSk"
	pathMessages = "/apiaccess/ccmessaging/"
	pathFacade   = "/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage"
)

// surface is the calls' common state.
type surface struct {
	Parts
	callIDs *auth.Limiter
	apps    *auth.Limiter
}

// New makes the handler of the whole surface.
func New(p Parts) *web.Table {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Limits.Body <= 0 {
		p.Limits.Body = 64 << 10
	}
	start := time.Now()
	elapsed := func() time.Duration { return time.Since(start) }
	s := &surface{
		Parts:   p,
		callIDs: auth.NewLimiter(time.Minute, elapsed),
		apps:    auth.NewLimiter(time.Minute, elapsed),
	}
	return web.NewTable(web.Settings{
		Base: p.Base, MaxBody: p.Limits.Body, Log: p.Log, Observe: p.Observe, Lost: s.lost,
	}, s.routes())
}

// routes lists every call, by what it takes to make it.
func (s *surface) routes() []web.Route {
	post := func(path string, m manners, handle func(*web.Call) error) web.Route {
		return web.Route{
			Method: http.MethodPost, Path: path, Handle: handle,
			Refuse: m.refuse, Panicked: m.unknown, Preflight: s.preflight(path),
		}
	}
	poll := post(pathMessages+"poll", bearer, s.poll)
	poll.Method = http.MethodGet
	return []web.Route{
		// with the app's secret
		post(pathToken, gateway, s.tokenByAkSk),
		// with an access token
		post(pathMessages+"applyToken", bearer, s.applyToken),
		// with an access token and a ccmessaging-token
		post(pathMessages+"doLeaveMessage", leaving, s.doLeaveMessage),
		post(pathMessages+"send", bearer, s.send),
		post(pathMessages+"sendAsync", bearer, s.send),
		post(pathMessages+"sendSync", bearer, s.send), // one page's misprint, which clients have copied
		poll,
		post(pathMessages+"queryQueueInfo", bearer, s.queueInfo),
		post(pathMessages+"queryHistoryChatMessage", bearer, s.history),
		post(pathMessages+"getsatisfactionsurveymode", bearer, s.surveyMode),
		// with a ccmessaging-token in a cookie
		post(pathFacade, facade, s.leaveByCookie),
	}
}

// suspicious writes a security event: something no honest client sends.
func (s *surface) suspicious(reason, app string) {
	s.Log.Warn("security", "event", "security", "reason", reason, "app", web.Clean(app, 64))
	if s.Security != nil {
		s.Security(reason)
	}
}
