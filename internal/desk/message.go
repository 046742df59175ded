package desk

import (
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Message is what a customer left, byte for byte as sent.
type Message struct {
	Tenant     TenantID
	ID         ID
	Thread     ID // 0 until sorted
	Channel    ChannelID
	App        AppKey
	ReceivedAt time.Time // the wall clock of the node, to the microsecond; order comes from ID
	CallID     string    // AICC's callId: 1–24 characters
	Caller     string    // 1–64 characters
	Text       string    // 1 to the channel's limit
	UserID     string    // of the ccmessaging-token
	UserName   string
	Locale     string
}

// Reference is the message's short name.
func (m *Message) Reference() string { return m.ID.Reference() }

// Listed is a message as a list shows it: with what has become of it.
type Listed struct {
	Message
	State State
}

// Receipt is what the one who left a message gets back once it is on the disk.
type Receipt struct {
	ID       ID
	Replayed bool // the Idempotency-Key had been seen: this is the first answer again
}

// Limits of the values of a message, in characters (code points). CallID's is
// the document's (Table 2, row 1.1); the others are ours.
const (
	MaxCallID         = 24
	MaxCaller         = 64
	MaxIdempotencyKey = 255 // bytes of visible ASCII
	MaxUserID         = 32
	MaxUserName       = 255
)

// CheckMessage says whether the values that a customer sent can be stored. It
// never changes a value: what passes is kept byte for byte.
func CheckMessage(callID, caller, text string, textLimit int) error {
	switch {
	case !identifier(callID, MaxCallID):
		return Errorf(Invalid, "call_id", "callId has 1 to 24 visible characters")
	case !identifier(caller, MaxCaller):
		return Errorf(Invalid, "caller", "caller has 1 to 64 visible characters")
	case blank(text) || !storable(text) || utf8.RuneCountInString(text) > textLimit:
		return Errorf(Invalid, "text", "leaveMessage has 1 to %d characters, without control characters", textLimit)
	}
	return nil
}

// CheckUser says whether the values of an applyToken request can be carried.
func CheckUser(userID, userName, locale string) error {
	switch {
	case !identifier(userID, MaxUserID):
		return Errorf(Invalid, "user_id", "userId has 1 to 32 visible characters")
	case blank(userName) || !storable(userName) || utf8.RuneCountInString(userName) > MaxUserName:
		return Errorf(Invalid, "user_name", "userName has 1 to 255 characters")
	case !ValidLocale(locale):
		return Errorf(Invalid, "locale", "locale looks like zh, zh_CN or en-US")
	}
	return nil
}

// CheckChannel says whether a channel's settings make sense.
func CheckChannel(c *Channel) error {
	switch {
	case !Name(c.Name):
		return Errorf(Invalid, "channel", "a channel's name has 1 to 64 visible characters, without spaces at its ends")
	case c.ID < 1e17 || c.ID > 999999999999999999:
		return Errorf(Invalid, "channel_id", "a channel's Configuration ID has 18 digits and does not begin with 0")
	case !ValidLocale(c.Locale):
		return Errorf(Invalid, "locale", "locale looks like zh, zh_CN or en-US")
	case c.TextLimit < MinTextLimit || c.TextLimit > MaxTextLimit:
		return Errorf(Invalid, "text_limit", "a channel takes texts of up to %d to %d characters", MinTextLimit, MaxTextLimit)
	case c.Allocation != "" && c.Allocation != AllocSelf && c.Allocation != AllocHand && c.Allocation != AllocAuto:
		return Errorf(Invalid, "allocation", "threads are allocated self, hand or auto")
	case c.Target < 0 || c.Target > MaxTarget:
		return Errorf(Invalid, "target", "the target for the first call is at most 90 days; 0 is none")
	}
	for _, o := range c.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return Errorf(Invalid, "origin", "an origin looks like https://www.example.com, without a path")
		}
	}
	return nil
}

// ValidLocale accepts a language and, perhaps, a region: zh, zh_CN, en-US.
func ValidLocale(s string) bool {
	lang, region, found := strings.Cut(strings.ReplaceAll(s, "-", "_"), "_")
	return letters(lang, 2, 3) && (!found || letters(region, 2, 2))
}

func letters(s string, least, most int) bool {
	for _, c := range []byte(s) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}

// Name says whether s can name an app, a channel or a tenant.
func Name(s string) bool { return identifier(s, 64) && strings.TrimSpace(s) == s }

// identifier: short, not blank, and nothing in it that an eye cannot see.
func identifier(s string, most int) bool {
	if blank(s) || !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return false
	}
	for _, r := range s {
		if unstorable(r) || r < ' ' || invisible(r) {
			return false
		}
	}
	return true
}

func blank(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

// storable is RFC 9839's "Unicode assignables": no surrogates, no legacy
// controls but TAB, LF and CR, no noncharacters.
func storable(s string) bool {
	for _, r := range s {
		if r < 0x80 {
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
				return false
			}
			continue
		}
		if unstorable(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

func unstorable(r rune) bool {
	switch {
	case r < ' ':
		return r != '\t' && r != '\n' && r != '\r'
	case r >= 0x7f && r <= 0x9f:
		return true
	case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return true
	}
	return false
}

// invisible: bidirectional controls, zero-width characters, line and paragraph
// separators, tags, variation selectors and everything else of the class Cf.
func invisible(r rune) bool {
	return r >= 0x80 && (unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) ||
		r == 0x034f || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0)
}

// Query selects messages or threads of one tenant, newest first.
type Query struct {
	Since   time.Time // zero: from the beginning
	Before  ID        // keyset: only IDs below this one; 0: from the newest
	Caller  string    // as typed; matched by its normalised form, or exactly as sent
	Keys    []string  // Caller's normalised forms; set by whoever knows the regions
	Channel ChannelID // 0: all
	State   State     // "": all
	Text    string    // words, numbers and characters that must all be in a message (package search); "": all. Threads ignore it
	Limit   int       // rows of a page
}
