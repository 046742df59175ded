package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// stream reads what a PostgreSQL server says, message by message, and knows the
// answer to a commit.
type stream struct {
	pair  *pair
	begun bool   // behind the answers to the question for encryption, which are single bytes
	kept  []byte // from CommandComplete on, until ReadyForQuery tells whether it was a commit
	tag   string
}

var errEncrypted = errors.New("the rest is encrypted")

// large is from where on a message is not looked at.
const large = 1 << 20

// next is what may be passed on now; it may be empty.
func (s *stream) next(from *bufio.Reader) ([]byte, error) {
	if !s.begun {
		first, err := from.Peek(1)
		if err != nil {
			return nil, err
		}
		switch first[0] {
		case 'N':
			_, err := from.Discard(1)
			return []byte{'N'}, err
		case 'S', 'G':
			return nil, errEncrypted
		}
		s.begun = true
	}
	var head [5]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return s.kept, err
	}
	size := int(binary.BigEndian.Uint32(head[1:])) - 4
	if size < 0 || size > large {
		return nil, errors.New("not a message of PostgreSQL")
	}
	message := make([]byte, 5+size)
	copy(message, head[:])
	if _, err := io.ReadFull(from, message[5:]); err != nil {
		return nil, err
	}
	return s.judge(message), nil
}

// judge keeps the end of an answer back until it is clear what it is.
func (s *stream) judge(message []byte) []byte {
	switch message[0] {
	case 'C':
		s.tag = string(bytes.TrimRight(message[5:], "\x00"))
		s.kept = append(s.kept, message...)
		return nil
	case 'Z':
		whole := append(s.kept, message...)
		committed := s.tag == "COMMIT" || writes(s.tag) && message[5] == 'I'
		s.kept, s.tag = nil, ""
		if committed && s.pair.lose() {
			return nil
		}
		return whole
	}
	if len(s.kept) > 0 {
		s.kept = append(s.kept, message...)
		return nil
	}
	return message
}

func writes(tag string) bool {
	verb, _, _ := strings.Cut(tag, " ")
	return verb == "INSERT" || verb == "UPDATE" || verb == "DELETE"
}
