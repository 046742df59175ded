package desk

import (
	"net/url"
	"slices"
	"strings"
)

// Dialler is the address that makes a telephone system call somebody. The zero
// Dialler is none.
type Dialler struct {
	text string
	web  bool
}

// Dialled is what a Dialler is filled with.
type Dialled struct {
	Number string // +442079460958
	Login  string // of the person who calls
	Thread ID
}

// MaxDialler is the longest template of an address, in bytes.
const MaxDialler = 1000

// ParseDialler reads an address with {number}, {login} and {thread} in it, behind
// https, http, sip, callto or tel. Of the web, the host is fixed: nobody's number
// or login decides where the browser goes. Errors: Invalid "dialler".
func ParseDialler(text string) (Dialler, error) {
	scheme, _, found := strings.Cut(text, ":")
	d := Dialler{text: text, web: scheme == "https" || scheme == "http"}
	switch {
	case text == "":
		return d, nil
	case !found || !slices.Contains([]string{"https", "http", "sip", "callto", "tel"}, scheme):
		return d, badDialler("it must begin with https:, http:, sip:, callto: or tel:")
	case len(text) > MaxDialler || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`|", r) }):
		return d, badDialler("it must have at most 1,000 plain characters, without spaces")
	case !strings.Contains(text, "{number}"):
		return d, badDialler("it lacks {number}, where the number goes")
	}
	bare := strings.NewReplacer("{number}", "", "{login}", "", "{thread}", "").Replace(text)
	if strings.ContainsAny(bare, "{}") {
		return d, badDialler("only {number}, {login} and {thread} may stand in braces")
	}
	before, err := url.Parse(bare)
	if err != nil {
		return d, badDialler("it is no address")
	}
	after, err := url.Parse(d.filled("1", "1", "1"))
	if d.web && (err != nil || before.Host == "" || before.Host != after.Host || after.User != nil) {
		return d, badDialler("its host must be written out, without braces, a login or a password")
	}
	return d, nil
}

func badDialler(why string) error {
	return Errorf(Invalid, "dialler", "%s; write it like https://pbx.example.com/call?to={number}&agent={login}&thread={thread}", why)
}

// Web says whether a browser shows a page for it; what is dialled otherwise goes
// to a program.
func (d Dialler) Web() bool { return d.web }

// Address is where to go to have that number called; "" when there is no Dialler.
// What is filled in is escaped, so that it stays the value that it is.
func (d Dialler) Address(to Dialled) string {
	if d.text == "" {
		return ""
	}
	return d.filled(d.escape(to.Number), d.escape(to.Login), d.escape(to.Thread.String()))
}

func (d Dialler) filled(number, login, thread string) string {
	return strings.NewReplacer("{number}", number, "{login}", login, "{thread}", thread).Replace(d.text)
}

// escape leaves only letters and digits and what never means anything. A plus
// would be a space in a query, and is a part of the number everywhere else.
func (d Dialler) escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-._~", c) >= 0, c == '+' && !d.web:
			b.WriteByte(c)
		default:
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}
