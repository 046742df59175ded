package openapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// What is done once, and what is changed only when it is what was seen.

var (
	errIdempotency = desk.Errorf(desk.Invalid, "idempotency_key", "Idempotency-Key is given once and has 1 to %d visible ASCII characters", desk.MaxIdempotencyKey)
	// ErrStale is 412: somebody else changed it since.
	ErrStale = desk.Errorf(desk.Conflict, "version", "it is not the version that If-Match names any more; read it again")
	errMatch = desk.Errorf(desk.Invalid, "if_match", "If-Match is the ETag of one version, such as \"3\" with its quotes, or *")
)

// Idempotency reads the header; "" is none. An empty one is refused: whoever sends
// it believes to be protected.
func Idempotency(ctx context.Context) (string, error) {
	values := Of(ctx).Visit.R.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	visible := strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if len(values) > 1 || key == "" || len(key) > desk.MaxIdempotencyKey || !visible {
		return "", errIdempotency
	}
	return key, nil
}

// Once is what the request names with its Idempotency-Key; nil when it has none.
// in is all that was asked, without the path.
func Once(ctx context.Context, a *desk.Actor, in any) (*desk.Once, error) {
	key, err := Idempotency(ctx)
	if err != nil || key == "" {
		return nil, err
	}
	asked, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r := Of(ctx).Visit.R
	sum := sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\n"), asked...))
	return &desk.Once{App: desk.AppKey(a.Who()), Key: key, Print: [16]byte(sum[:16])}, nil
}

// ETag is a number of a version as a header.
func ETag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// Version reads If-Match as the number of a version: 0 is whatever there is.
func Version(match string) (int64, error) {
	text, err := tag(match)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, errMatch
	}
	return n, nil
}

// tag reads If-Match; "" is whatever there is.
func tag(match string) (string, error) {
	if match == "" || match == "*" {
		return "", nil
	}
	text, opened := strings.CutPrefix(match, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	if !opened || !closed || text == "" || strings.Contains(text, `"`) {
		return "", errMatch
	}
	return text, nil
}

// Mark is the version of what counts none: a short hash of all of it.
func Mark(all ...any) string {
	b, _ := json.Marshal(all) // what it is called with are plain values
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Match names the version that was seen. Embedded in
// what an operation takes, it is read with it.
type Match struct {
	Match string `header:"If-Match" maxLength:"30" doc:"The ETag that was seen; another version is 412. Without it, whatever there is is changed"`
}

// Matches says whether a thing is still what was seen.
func (m *Match) Matches(is string) error {
	text, err := tag(m.Match)
	if err == nil && text != "" && text != is {
		err = ErrStale
	}
	return err
}
