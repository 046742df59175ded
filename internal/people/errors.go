package people

import (
	"errors"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// What strangers are told says nothing of what there is: unknown, wrong,
// disabled and without a password are one refusal, after the same work.
var (
	errSignIn   = desk.Errorf(desk.Unauthenticated, "signin_wrong", "the login or the password is not right")
	errCode     = desk.Errorf(desk.Unauthenticated, "code_wrong", "this code is not right, or was used before; wait for the next one")
	errTicket   = desk.Errorf(desk.Unauthenticated, "signin_over", "this took too long; please begin again")
	errSession  = desk.Errorf(desk.Unauthenticated, "session_over", "you are signed out; please sign in again")
	errKey      = desk.Errorf(desk.Unauthenticated, "api_key_wrong", "the API key is not right, or was disabled")
	errMay      = desk.Errorf(desk.Forbidden, "forbidden", "you may not do this; ask an administrator")
	errWrongOld = desk.Errorf(desk.Invalid, "password_wrong", "this is not your password as it is now")
	errLast     = desk.Errorf(desk.Conflict, "last_administrator", "this is the only administrator; make another one first")
	errStale    = desk.Errorf(desk.Conflict, "version", "she was changed since you looked; look again")
)

func errLimited(wait time.Duration) error {
	return &desk.Error{Kind: desk.Limited, Code: "too_many_guesses", Text: "too many wrong guesses; please wait a little", RetryAfter: wait}
}

func hasCode(err error, codes ...string) bool {
	var e *desk.Error
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}
