package aicc

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

// maxExpire is the longest life of an access token, in seconds (cec_07_0002).
const maxExpire = 3600

var (
	errSecretInURL = web.Refuse(web.Problem(http.StatusBadRequest, "secret_in_url", "credentials belong in the body, never in the address; change the secret that was sent"))
	errExpire      = web.Refuse(web.Problem(http.StatusBadRequest, "bad_token_expire", "X-Token-Expire is a whole number of seconds from 1 to 3600"))
)

// tokenByAkSk trades an app's key and secret for an access token.
func (s *surface) tokenByAkSk(c *web.Call) error {
	if secretInQuery(c.R.URL.RawQuery) {
		s.suspicious("secret_in_url", "")
		return errSecretInURL
	}
	body, err := c.JSON()
	if err != nil {
		return err
	}
	f, err := fields(body, "app_key", "app_secret")
	if err != nil {
		return err
	}
	key, secret := f[0], f[1]
	if key == "" || secret == "" {
		return desk.Errorf(desk.Invalid, "app_key", "app_key and app_secret are strings")
	}
	ttl, err := wantedLife(c.R.Header[headerExpire])
	if err != nil {
		return err
	}
	token, err := s.Keeper.Issue(key, secret, web.Address(c.R), ttl)
	if err != nil {
		return s.noToken(err, key)
	}
	c.Note.App = string(token.App)
	c.Answer(tokenAnswer(token))
	return nil
}

func (s *surface) noToken(err error, key string) error {
	if auth.Hostile(err) {
		s.suspicious(reasonOf(err), key)
	}
	return err
}

func tokenAnswer(t auth.Issued) web.Answer {
	return web.JSON(http.StatusOK, "issued", `{"AccessToken":"`+t.Token+
		`","ApplyType":"Bearer","CreateTime":"`+strconv.FormatInt(t.At.Unix(), 10)+
		`","Expires":"`+strconv.FormatInt(int64(t.TTL/time.Second), 10)+
		`","Scope":"ccmessaging","AppKey":`+web.Quote(string(t.App))+`,"UserID":"Anonymous"}`)
}

// wantedLife reads X-Token-Expire: nothing and anything above an hour are an
// hour; what is no positive whole number is refused, as are two values.
func wantedLife(values []string) (time.Duration, error) {
	if len(values) == 0 {
		return maxExpire * time.Second, nil
	}
	digits := strings.TrimLeft(values[0], "0123456789") == ""
	number := strings.TrimLeft(values[0], "0")
	if len(values) > 1 || !digits || number == "" {
		return 0, errExpire
	}
	seconds, err := strconv.Atoi(number)
	if err != nil || seconds > maxExpire { // more digits than a number has
		seconds = maxExpire
	}
	return time.Duration(seconds) * time.Second, nil
}

// secretInQuery finds credentials where proxies and logs would keep them.
func secretInQuery(query string) bool {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		switch strings.ToLower(name) {
		case "app_secret", "app_key", "appsecret", "appkey":
			return true
		}
	}
	return false
}

// lost answers a path below tokenByAkSk that carries credentials: like a query,
// a path is kept by everything it passes.
func (s *surface) lost(r *http.Request) (web.Answer, bool) {
	rest, below := strings.CutPrefix(r.URL.EscapedPath(), s.Base+pathToken)
	if !below || !strings.Contains(rest, "app_secret") && !strings.Contains(rest, "app_key") {
		return web.Answer{}, false
	}
	s.suspicious("secret_in_url", "")
	return errSecretInURL.Answer, true
}
