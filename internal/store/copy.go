package store

import (
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Kind is what a column holds on every engine.
type Kind byte

// The kinds.
const (
	Int   Kind = 'i' // 64 bits; times are microseconds since 1970, UTC
	Text  Kind = 't' // valid UTF-8 without NUL
	Bytes Kind = 'b'
)

// Column is a column of a table that is carried from store to store.
type Column struct {
	Name string
	Kind Kind
}

// Values are a row, in the order of the table's columns: int64, string or
// []byte.
type Values []any

// Table is a table that is carried from store to store: by a portable backup
// and by a move to another engine.
type Table struct {
	Name    string
	Columns []Column // behind tenant_id, which is the first column of the key
	Key     int      // so many of Columns are the rest of the key
	// Shared says that the rows belong to no tenant: there is no tenant_id. Its
	// first column is the bucket, which is a place and no content: another engine
	// has others.
	Shared bool
	// Appended says that no row is ever changed or removed, not even here: the
	// engine refuses it.
	Appended bool
	// Page is how many rows are read and written at a time.
	Page int

	hash func(desk.TenantID, Values) []byte // what the row's last column must be; nil where rows carry no hash
}

// Carried lists every table that a store consists of, in the order in which
// they are written. What is not in it is in Left, with a reason; a test compares
// both with the schema.
func Carried() []Table {
	return []Table{
		table("tenant", 0, "i created_at", "t name"),
		table("revision", 0, "i n"),
		table("counter", 0, "i seq"),
		table("app", 1, "t app_key", "t name", "b secret_hash", "b old_hash", "i old_until", "i epoch", "i disabled", "i per_minute", "i created_at"),
		table("channel", 1, "i channel_id", "t name", "t locale", "t region", "i text_limit", "t origins", "i disabled", "i created_at",
			"t allocation", "i target"),
		table("seal_key", 1, "i key_id", "b secret", "i active_at", "i retire_at"),
		table("secret", 1, "i key_id", "b secret", "i created_at"), // without it nobody's second factor can be opened
		table("person", 1, "i id", "t login", "t name", "t role", "t channels", "t locale", "i disabled", "t password", "b totp", "i totp_step",
			"b recovery", "t subject", "i epoch", "i created_at", "i seen_at", "i present_until", "i version"),
		table("invite", 1, "b hash", "i person_id", "i until"),
		table("api_key", 1, "i id", "t name", "b hash", "t scopes", "i created_at", "i used_at", "i disabled"),
		table("saved_filter", 1, "i id", "i person_id", "t name", "t query", "i shared", "i created_at"),
		table("audit_head", 0, "i seq", "b hash"),
		table("audit", 1, "i seq", "i at", "t actor", "t name", "t address", "t action", "t object", "t data", "b prev_hash", "b hash").appended(),
		table("receipt", 2, "t app_key", "t idem_key", "b print", "i message_id", "i at"),
		table("thread", 1, "i id", "i channel_id", "t caller", "t caller_key", "t state", "i messages", "i first_at", "i last_at",
			"i closed_at", "t reason", "i previous_id", "i version", "i owner", "i given", "i claim_until", "i wake_at", "i due_at",
			"i told_due", "i next_at", "i attempts", "t outcome", "t excerpt"),
		table("message", 1, "i id", "i thread_id", "i channel_id", "t app_key", "i received_at", "t call_id", "t caller", "t body",
			"t user_id", "t user_name", "t locale", "b hash").with(1000, false, hashOfMessage),
		table("event", 1, "i seq", "i thread_id", "t kind", "t actor", "i at", "t data", "b hash").with(1000, false, hashOfEvent),
		table("aside", 1, "i id", "i messages", "t error", "b lines", "b hash").with(16, false, nil),
		table("journal", 2, "i bucket", "i id", "i last_id", "i messages", "b lines", "b hash").with(16, true, hashOfJournal),
	}
}

// Left lists the tables that are not carried, and why.
func Left() map[string]string {
	return map[string]string{
		"goose_db_version": "the schema's version is the target's own",
		"goose_lock":       "migrations keep each other out with it",
		"compat":           "it speaks about the target's own schema",
		"sqlite_sequence":  "goose counts its migrations with it",
		"mark":             "it says that a store is half-filled, and the one that is read is whole",
		"probe":            "readiness writes to it; its content means nothing",
		"node":             "the servers that run now, on this database",
		"session":          "a copy must not revive what was ended since; people sign in again",
		"guess":            "who guessed passwords of late; it is forgotten after minutes anyway",
		"search":           "the index of words is made anew from the messages",
		"search_slice":     "it belongs to the index of words",
		"search_part":      "it belongs to the index of words",
		"reader":           "what readers make of the events is derived; they begin anew in another store",
	}
}

func table(name string, key int, columns ...string) Table {
	t := Table{Name: name, Key: key, Page: 1000}
	for _, c := range columns {
		kind, column, _ := strings.Cut(c, " ")
		t.Columns = append(t.Columns, Column{Name: column, Kind: Kind(kind[0])})
	}
	return t
}

func (t Table) with(page int, shared bool, hash func(desk.TenantID, Values) []byte) Table {
	t.Page, t.Shared, t.hash = page, shared, hash
	return t
}

// appended is for the audit log. Its rows carry hashes, but none that Intact
// looks at: a row that somebody forced is evidence, so it is carried as it is,
// also into a backup. The chain tells of it there as it did here.
func (t Table) appended() Table {
	t.Appended = true
	return t
}

// Intact says whether the row is what was written, where rows carry a hash.
func (t *Table) Intact(tenant desk.TenantID, row Values) bool {
	if t.hash == nil {
		return true
	}
	got, ok := row[len(row)-1].([]byte)
	return ok && intact(t.hash(tenant, row), got)
}

// Describe names a row for people, by its key.
func (t *Table) Describe(tenant desk.TenantID, row Values) string {
	var b strings.Builder
	b.WriteString(t.Name)
	if !t.Shared {
		b.WriteString(" of tenant " + strconv.FormatInt(int64(tenant), 10))
	}
	for i := range t.Key {
		switch v := row[i].(type) {
		case int64:
			b.WriteString(" " + strconv.FormatInt(v, 10))
		case string:
			b.WriteString(" " + strconv.Quote(v))
		}
	}
	return b.String()
}

func (t *Table) names(from int) []string {
	var names []string
	for _, c := range t.Columns[from:] {
		names = append(names, c.Name)
	}
	return names
}

func (t *Table) keys() string { return strings.Join(t.names(0)[:t.Key], ", ") }

func hashOfMessage(tenant desk.TenantID, row Values) []byte {
	m := desk.Message{
		Tenant: tenant, ID: desk.ID(number64(row[0])), Thread: desk.ID(number64(row[1])), Channel: desk.ChannelID(number64(row[2])),
		App: desk.AppKey(str(row[3])), ReceivedAt: time.UnixMicro(number64(row[4])), CallID: str(row[5]), Caller: str(row[6]),
		Text: str(row[7]), UserID: str(row[8]), UserName: str(row[9]), Locale: str(row[10]),
	}
	return messageHash(&m)
}

func hashOfEvent(tenant desk.TenantID, row Values) []byte {
	e := desk.Event{
		Tenant: tenant, Seq: number64(row[0]), Thread: desk.ID(number64(row[1])), Kind: str(row[2]), Actor: str(row[3]),
		At: time.UnixMicro(number64(row[4])), Data: []byte(str(row[5])),
	}
	return eventHash(&e)
}

func hashOfJournal(_ desk.TenantID, row Values) []byte {
	lines, _ := row[4].([]byte)
	return rowHash(&desk.Row{
		First: desk.ID(number64(row[1])), Last: desk.ID(number64(row[2])), Count: int(number64(row[3])), Lines: lines,
	})
}

// number64 and str read a value of a row, whose kinds were checked when it was
// read.
func number64(v any) int64 {
	n, _ := v.(int64)
	return n
}

func str(v any) string {
	s, _ := v.(string)
	return s
}
