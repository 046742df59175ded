package web

import (
	"net/http"
	"time"
)

// Cookie is a cookie that no script reads and that other sites' forms do not
// carry. Over https it is Secure; see people.CookieName for its name there.
type Cookie struct {
	Name   string
	Secure bool
	Life   time.Duration // 0: until the browser ends
}

// Read is the cookie's value; two cookies of one name are none.
func (c Cookie) Read(r *http.Request) string {
	if all := r.CookiesNamed(c.Name); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// Set gives the browser the value.
func (c Cookie) Set(w http.ResponseWriter, value string) { c.write(w, value, int(c.Life/time.Second)) }

// Clear takes it away.
func (c Cookie) Clear(w http.ResponseWriter) { c.write(w, "", -1) }

func (c Cookie) write(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: c.Name, Value: value, Path: "/", MaxAge: age, Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
