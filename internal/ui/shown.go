package ui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// shownFor is how long a number that was shown stays so while she works on the
// thread. Another node, or a restart, masks it again: one more audited click.
const shownFor = 15 * time.Minute

// showing proves that this session was shown the thread's number, so that each
// step of a call does not mask it again.
func (v *visit) showing(id desk.ID) string {
	until := strconv.FormatInt(v.now.Add(shownFor).Unix(), 36)
	return until + "." + v.seal(id, until)
}

func (v *visit) wasShown(id desk.ID, proof string) bool {
	until, mac, found := strings.Cut(proof, ".")
	if !found || !hmac.Equal([]byte(mac), []byte(v.seal(id, until))) {
		return false
	}
	at, err := strconv.ParseInt(until, 36, 64)
	return err == nil && v.now.Before(time.Unix(at, 0))
}

func (v *visit) seal(id desk.ID, until string) string {
	mac := hmac.New(sha256.New, v.ui.secret)
	fmt.Fprintf(mac, "number shown\n%x\n%d\n%s\n%s", v.live.Session.ID, v.actor.Tenant, id, until)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}
