package desk

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// PersonID names a member of staff in her tenant. Zero is nobody.
type PersonID int64

// String is the decimal number.
func (p PersonID) String() string { return strconv.FormatInt(int64(p), 10) }

// MarshalText makes it a string in JSON, like every ID.
func (p PersonID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is the inverse of MarshalText. Zero is read: it is nobody.
func (p *PersonID) UnmarshalText(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 0 {
		return Errorf(Invalid, "person_id", "a person's ID is a whole number")
	}
	*p = PersonID(n)
	return nil
}

// Role is what a person is here for.
type Role string

// The roles. An auditor reads everything and changes nothing.
const (
	RoleAgent         Role = "agent"
	RoleSupervisor    Role = "supervisor"
	RoleAdministrator Role = "administrator"
	RoleAuditor       Role = "auditor"
)

// Roles lists them, the humblest first.
func Roles() []Role { return []Role{RoleAgent, RoleSupervisor, RoleAdministrator, RoleAuditor} }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", Errorf(Invalid, "role", "a role is one of agent, supervisor, administrator, auditor")
}

// Permission is one thing that somebody may do. An API key's scopes are the
// same words.
type Permission string

// The permissions. MessagesWrite is for API keys alone: people answer messages,
// they do not leave them.
const (
	ThreadsSee     Permission = "threads.see"
	ThreadsHandle  Permission = "threads.handle"
	ThreadsAssign  Permission = "threads.assign"
	NumbersSee     Permission = "numbers.see" // without it, callers' numbers are masked
	Exporting      Permission = "export"
	PeopleManage   Permission = "people.manage"
	ChannelsManage Permission = "channels.manage"
	AppsManage     Permission = "apps.manage"
	KeysManage     Permission = "keys.manage"
	AuditRead      Permission = "audit.read"
	BoardSee       Permission = "board.see"
	MessagesWrite  Permission = "messages.write"
)

// Permissions lists them all.
func Permissions() []Permission {
	return []Permission{
		ThreadsSee, ThreadsHandle, ThreadsAssign, NumbersSee, Exporting, PeopleManage,
		ChannelsManage, AppsManage, KeysManage, AuditRead, BoardSee, MessagesWrite,
	}
}

// ParsePermission reads a permission's name, as in an API key's scopes.
func ParsePermission(s string) (Permission, error) {
	if p := Permission(s); slices.Contains(Permissions(), p) {
		return p, nil
	}
	return "", Errorf(Invalid, "permission", "%q is no permission; they are threads.see, threads.handle, threads.assign, "+
		"numbers.see, export, people.manage, channels.manage, apps.manage, keys.manage, audit.read, board.see, messages.write", s)
}

// May says whether people of this role may do that. An unknown role may nothing.
func (r Role) May(p Permission) bool {
	switch r {
	case RoleAgent:
		return p == ThreadsSee || p == ThreadsHandle
	case RoleSupervisor:
		return p == ThreadsSee || p == ThreadsHandle || p == ThreadsAssign || p == NumbersSee || p == Exporting || p == BoardSee
	case RoleAdministrator:
		return p != MessagesWrite && slices.Contains(Permissions(), p)
	case RoleAuditor:
		return p == ThreadsSee || p == AuditRead || p == BoardSee || p == Exporting
	}
	return false
}

// Person is a member of staff.
type Person struct {
	Tenant   TenantID
	ID       PersonID
	Login    string // lower case, an e-mail address or a name; unique in its tenant
	Name     string // 1–64 characters: what colleagues see
	Role     Role
	Channels []ChannelID // the only ones she sees; empty is all of them
	Locale   string      // "en" or "zh_CN"
	Disabled bool
	Password string   // Argon2id, as a PHC string; "" has none
	TOTP     []byte   // the sealed secret of the second factor; nil has none
	TOTPStep int64    // the last 30-second step that was used: no code serves twice
	Recovery [][]byte // SHA-256 of the recovery codes that are left
	Subject  string   // OpenID Connect: issuer, a space, sub; "" has none
	Epoch    int64    // sessions of an earlier epoch are over

	CreatedAt    time.Time
	SeenAt       time.Time // her last sign-in; zero: never
	PresentUntil time.Time // automatic allocation counts her until then
	Version      int64     // every change is a compare-and-set on it; 1 when new
}

// Session is one browser that a person signed in with.
type Session struct {
	Tenant    TenantID
	ID        []byte // SHA-256 of the cookie's secret; the secret itself is not kept
	Person    PersonID
	CreatedAt time.Time
	SeenAt    time.Time
	Until     time.Time // it ends then, whatever she does
	Epoch     int64     // the person's, when it began
	Address   string    // from where it began
	Agent     string    // the browser's own words, at most 200 characters
}

// APIKey lets a program use /v1 for a tenant.
type APIKey struct {
	Tenant    TenantID
	ID        int64
	Name      string // 1–64 characters, unique in its tenant
	Hash      []byte // SHA-256 of the secret, which has 256 random bits; the secret itself is not kept
	Scopes    []string
	CreatedAt time.Time
	UsedAt    time.Time // to the minute; zero: never
	Disabled  bool
}

// Actor is who does something: a person, an API key, or the command line.
type Actor struct {
	Tenant   TenantID
	Person   PersonID // 0: an API key or the command line
	Key      int64    // the API key's ID, or 0
	Name     string   // as colleagues and the audit log see it
	Role     Role     // "" with an API key, whose scopes decide
	Scopes   []string // of an API key
	Channels []ChannelID
	Address  string // "" on the command line
	Once     *Once  // of what is asked for; nil: it is done however often it is asked for
}

// May says whether the actor may do that.
func (a *Actor) May(p Permission) bool {
	if a.Key != 0 {
		return slices.Contains(a.Scopes, string(p))
	}
	return a.Role.May(p)
}

// Sees says whether the channel is one of those that the actor is limited to.
func (a *Actor) Sees(c ChannelID) bool {
	return len(a.Channels) == 0 || slices.Contains(a.Channels, c)
}

// Actor is the person at work, from that address.
func (p *Person) Actor(address string) Actor {
	return Actor{
		Tenant: p.Tenant, Person: p.ID, Name: p.Name, Role: p.Role,
		Channels: p.Channels, Address: address,
	}
}

// MaxLogin is the longest login, in characters.
const MaxLogin = 254

// Login is how a login is stored: without spaces around it, in lower case. A
// login has 1 to 254 visible characters and no space in it.
func Login(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if !identifier(s, MaxLogin) || strings.IndexFunc(s, unicode.IsSpace) >= 0 {
		return "", Errorf(Invalid, "login", "a login is an e-mail address or a short name, without spaces")
	}
	return s, nil
}

// CheckPerson says whether a person's values make sense.
func CheckPerson(p *Person) error {
	login, err := Login(p.Login)
	switch {
	case err != nil:
		return err
	case login != p.Login:
		return Errorf(Invalid, "login", "a login is kept in lower case")
	case !Name(p.Name):
		return Errorf(Invalid, "name", "a person's name has 1 to 64 visible characters, without spaces at its ends")
	case p.Locale != "en" && p.Locale != "zh_CN":
		return Errorf(Invalid, "locale", "the pages speak en and zh_CN")
	case len(p.Channels) > MaxChannelsOfPerson:
		return Errorf(Invalid, "channels", "a person is limited to at most %d channels; leave them out for all", MaxChannelsOfPerson)
	}
	_, err = ParseRole(string(p.Role))
	return err
}

// MaxChannelsOfPerson bounds the list that a person may be limited to.
const MaxChannelsOfPerson = 200

// MaxAgent is how much of a browser's own words is kept, in characters.
const MaxAgent = 200

// AgentWords makes a browser's own words fit to be stored and shown.
func AgentWords(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || unstorable(r) || invisible(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > MaxAgent {
		s = string([]rune(s)[:MaxAgent])
	}
	return strings.TrimSpace(s)
}

// Who is the actor in the audit log: person:12, key:3, or command.
func (a *Actor) Who() string {
	switch {
	case a.Person != 0:
		return "person:" + a.Person.String()
	case a.Key != 0:
		return "key:" + strconv.FormatInt(a.Key, 10)
	}
	return "command"
}

// Whom names a person in one of three ways; zero is anybody at all.
type Whom struct {
	ID      PersonID
	Login   string
	Subject string
	Version int64 // she is changed only when this is what she is; 0: whatever she is
}

// Invite is a one-time link: for person 0 to the first account of a tenant, for
// others to their password.
type Invite struct {
	Tenant TenantID
	Hash   []byte // SHA-256 of the link's secret
	Person PersonID
	Until  time.Time
}

// Seen is when a session was last used, and until when its person counts as
// present, if that changed.
type Seen struct {
	Session      []byte
	Person       PersonID
	At           time.Time
	PresentUntil time.Time
}

// Budget is what was guessed of late by one party.
type Budget struct {
	Hash   []byte // of the party
	N      int64  // guesses in a row
	At     time.Time
	FullAt time.Time // when the budget is whole again
}
