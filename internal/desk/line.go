package desk

import (
	"encoding/json"
	"strconv"
	"time"
)

// A journal row is a run of lines, one JSON object a message, in the order of
// their IDs. The keys are short because every message is written this way once.
type line struct {
	ID       int64  `json:"i"`
	At       int64  `json:"a"` // microseconds since 1970
	Tenant   int64  `json:"t"`
	Channel  int64  `json:"h"`
	App      string `json:"p"`
	CallID   string `json:"d"`
	Caller   string `json:"c"`
	Text     string `json:"m"`
	UserID   string `json:"u"`
	UserName string `json:"n"`
	Locale   string `json:"l"`
}

// AppendLine adds m as one line, newline included.
func AppendLine(b []byte, m *Message) []byte {
	b = append(b, `{"i":`...)
	b = strconv.AppendInt(b, int64(m.ID), 10)
	b = append(b, `,"a":`...)
	b = strconv.AppendInt(b, m.ReceivedAt.UnixMicro(), 10)
	b = append(b, `,"t":`...)
	b = strconv.AppendInt(b, int64(m.Tenant), 10)
	b = append(b, `,"h":`...)
	b = strconv.AppendInt(b, int64(m.Channel), 10)
	for _, f := range [...]struct{ key, value string }{
		{`,"p":`, string(m.App)},
		{`,"d":`, m.CallID},
		{`,"c":`, m.Caller},
		{`,"m":`, m.Text},
		{`,"u":`, m.UserID},
		{`,"n":`, m.UserName},
		{`,"l":`, m.Locale},
	} {
		b = append(b, f.key...)
		b = appendString(b, f.value)
	}
	return append(b, '}', '\n')
}

// ParseLine reads what AppendLine wrote.
func ParseLine(b []byte) (Message, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return Message{}, err
	}
	m := Message{
		Tenant: TenantID(l.Tenant), ID: ID(l.ID), Channel: ChannelID(l.Channel), App: AppKey(l.App),
		ReceivedAt: time.UnixMicro(l.At).UTC(), CallID: l.CallID, Caller: l.Caller, Text: l.Text,
		UserID: l.UserID, UserName: l.UserName, Locale: l.Locale,
	}
	if m.Tenant <= 0 || m.ID <= 0 || m.Text == "" {
		return Message{}, Errorf(Invalid, "line", "a journal line lacks its tenant, id or text")
	}
	return m, nil
}

// appendString quotes s for JSON. What is stored is valid UTF-8 (CheckMessage),
// so only the quote, the backslash and controls need escaping.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		if c < ' ' {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			b = append(b, '\\', c)
		}
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// Row is one row of the journal: a few lines, at most RowLines, so that sorting
// can take it in one short transaction.
type Row struct {
	First, Last ID // of the lines, which are in the order of their IDs
	Count       int
	Lines       []byte
	Damaged     bool // as read: it is not what was written
	Bucket      int  // as read: where it stands
}

// RowLines is the most messages a journal row holds.
const RowLines = 128

// Keyed is a message that came with an Idempotency-Key. Whether it is new is
// decided in the journal's own transaction, which fills Receipt and Err.
type Keyed struct {
	Tenant TenantID
	App    AppKey
	Key    string
	Print  [16]byte // of the values; the same key with another print is a Conflict
	ID     ID
	Line   []byte

	Receipt Receipt
	Err     error
}

// Batch is what one flush writes.
type Batch struct {
	Rows  []Row
	Keyed []*Keyed
	At    time.Time
}
