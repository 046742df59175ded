package chain

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// maxLine is the longest line of a backlog, in bytes. It is more than any
// server takes, so that the server's own limit is the one that speaks.
const maxLine = 256 << 10

// entry is one line of a backlog: the fields of doLeaveMessage as they are
// called there, and those of the user who leaves it.
type entry struct {
	CallID         string `json:"callId"`
	Caller         string `json:"caller"`
	LeaveMessage   string `json:"leaveMessage"`
	Channel        string `json:"channel"`
	UserID         string `json:"userId"`
	UserName       string `json:"userName"`
	Locale         string `json:"locale"`
	IdempotencyKey string `json:"idempotencyKey"`
}

// parse reads one line. An unknown field is an error: a slip of the pen in
// "idempotencyKey" must not lose what it was for.
func parse(raw []byte, number int, appKey string, u User) (Message, error) {
	var e entry
	if err := json.Unmarshal(raw, &e, json.RejectUnknownMembers(true)); err != nil {
		return Message{}, errors.New("it is not the JSON of a message: " + cause(err))
	}
	for _, f := range []struct{ name, value string }{
		{"callId", e.CallID}, {"caller", e.Caller}, {"leaveMessage", e.LeaveMessage},
	} {
		if f.value == "" {
			return Message{}, errors.New(f.name + " is missing")
		}
	}
	if !visible(e.IdempotencyKey) {
		return Message{}, errors.New("idempotencyKey has at most 255 visible ASCII characters")
	}
	m := Message{
		User:    User{ID: or(e.UserID, u.ID), Name: or(e.UserName, u.Name), ChannelID: u.ChannelID, Locale: or(e.Locale, u.Locale)},
		CallID:  e.CallID,
		Caller:  e.Caller,
		Text:    e.LeaveMessage,
		Channel: or(e.Channel, "WEB"),
		Key:     e.IdempotencyKey,
	}
	if m.Key == "" {
		m.Key = derive(appKey, number, m)
	}
	return m, nil
}

// cause is what the JSON library found, without the package's name before it.
func cause(err error) string {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		if errors.Is(err, json.ErrUnknownName) {
			return "there is no field " + semantic.JSONPointer.LastToken()
		}
		if name := semantic.JSONPointer.LastToken(); name != "" {
			return name + " must be a text"
		}
		return "a line is an object"
	}
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

// derive makes the key of a line that brings none: the same line at the same
// place of the same file has the same key, so a file can be run again from its
// beginning and stores nothing twice. The line's number tells apart two equal
// messages, which a customer may well have left.
func derive(appKey string, number int, m Message) string {
	h := sha256.New()
	for _, part := range []string{
		appKey, strconv.Itoa(number), m.User.ID, m.User.Name, m.User.ChannelID, m.User.Locale,
		m.CallID, m.Caller, m.Text, m.Channel,
	} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

func visible(key string) bool {
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(key) <= desk.MaxIdempotencyKey
}

// lines hands out the lines of a stream, in memory of one line.
type lines struct {
	r      *bufio.Reader
	number int
}

var errLong = errors.New("the line is longer than 256 KiB")

// next is the next line that is not blank. Its bytes are the caller's to keep.
func (l *lines) next() (raw []byte, number int, err error) {
	for {
		raw, err = l.line()
		if err != nil && !errors.Is(err, errLong) {
			return nil, l.number, err
		}
		l.number++
		if l.number == 1 {
			raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
		}
		if raw = bytes.TrimSpace(raw); len(raw) > 0 || err != nil {
			return raw, l.number, err
		}
	}
}

func (l *lines) line() ([]byte, error) {
	var whole []byte
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if long = long || len(whole)+len(part) > maxLine; !long {
			whole = append(whole, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(part) == 0 && len(whole) == 0 && !long):
			return nil, err
		case long:
			return nil, errLong
		}
		return whole, nil
	}
}
