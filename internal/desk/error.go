package desk

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong in the words of the domain. Each surface has one
// table from kinds to its own answers.
type Kind int

// The kinds. An error that is none of ours is Internal.
const (
	Internal        Kind = iota
	Invalid              // the request cannot be right; asking again changes nothing
	Unauthenticated      // we do not know who asks
	Forbidden            // we know who asks, and the answer is no
	Missing              // it does not exist for this tenant
	Conflict             // somebody else was first, or the same key came with other content
	Limited              // too often; RetryAfter says when
	Busy                 // overloaded or draining; nothing was stored
	Unstored             // the store refused: known not stored
	Unknown              // nobody knows whether it was stored; the same Idempotency-Key finds out
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "forbidden", "missing",
	"conflict", "limited", "busy", "unstored", "unknown",
}

// String is the kind's stable word, fit for logs and metrics.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "internal"
	}
	return kindNames[k]
}

// Error is an error with a meaning for the one who asked. Text is a sentence
// without internals; Err is the cause, for the log only.
type Error struct {
	Kind       Kind
	Code       string // a stable word
	Text       string
	RetryAfter time.Duration // with Limited and Busy
	Err        error
}

// Error is for logs: it shows the cause, which surfaces must not.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error whose text may be shown.
func Errorf(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Text: fmt.Sprintf(format, args...)}
}

// Wrap makes an error with a cause that is only logged.
func Wrap(kind Kind, code, text string, cause error) *Error {
	return &Error{Kind: kind, Code: code, Text: text, Err: cause}
}

// KindOf is the kind of err, Internal when it is not one of ours.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// ErrBroken marks an error after which nobody knows what the disk holds: a
// flush failed. It is never retried; the process turns not-ready and leaves,
// because the kernel may have dropped the pages and would report success next
// time.
var ErrBroken = errors.New("a flush failed: the state of the disk is unknown")
