package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// A sealed token is
//
//	key id (4 bytes, in clear) | nonce (12, random) | AES-256-GCM of the content | tag (16)
//
// A random 96-bit nonce is safe for 2^32 tokens a key; a key seals for a day,
// which is 49,000 tokens a second.
const (
	idSize    = 4
	nonceSize = 12
	tagSize   = 16
	sealSize  = idSize + nonceSize + tagSize
)

// kind separates the tokens: it is authenticated with each, so that one can
// never be used as the other.
type kind int

const (
	access kind = iota
	customer
)

var kindNames = [...]string{"afterbeep access token 1", "afterbeep ccmessaging-token 1"}

// sealer is a key, ready to use.
type sealer struct {
	key      desk.SealKey
	aead     cipher.AEAD
	activeAt int64 // milliseconds since 1970
	retireAt int64 // 0: not before its successor is active
	extra    [2][]byte
}

func newSealer(key desk.SealKey) (*sealer, error) {
	block, err := aes.NewCipher(key.Secret)
	if err != nil {
		return nil, desk.Wrap(desk.Internal, "seal_key", "a seal key cannot be used", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, desk.Wrap(desk.Internal, "seal_key", "a seal key cannot be used", err)
	}
	sl := &sealer{key: key, aead: aead, activeAt: key.ActiveAt.UnixMilli()}
	if !key.RetireAt.IsZero() {
		sl.retireAt = key.RetireAt.UnixMilli()
	}
	for k, name := range kindNames {
		sl.extra[k] = binary.BigEndian.AppendUint32([]byte(name), key.ID)
	}
	return sl, nil
}

// decoySealer has a key that nobody knows.
func decoySealer() *sealer {
	secret := make([]byte, 32)
	rand.Read(secret)
	sl, err := newSealer(desk.SealKey{Secret: secret})
	if err != nil {
		panic(err) // 32 bytes are always a key
	}
	return sl
}

func (sl *sealer) opens(now int64) bool { return sl.retireAt == 0 || now < sl.retireAt }

// seal closes content, which stands in buf behind idSize+nonceSize free bytes.
func (sl *sealer) seal(k kind, buf []byte) []byte {
	binary.BigEndian.PutUint32(buf, sl.key.ID)
	nonce := buf[idSize : idSize+nonceSize]
	rand.Read(nonce)
	content := buf[idSize+nonceSize:]
	return buf[:idSize+nonceSize+len(sl.aead.Seal(content[:0], nonce, content, sl.extra[k]))]
}

// open gives the content of a sealed token and the key that sealed it. A key id
// that is not there costs as much as one that is. raw is overwritten.
func (v *view) open(k kind, raw []byte, now int64, decoy *sealer) ([]byte, *sealer) {
	if len(raw) < sealSize {
		return nil, nil
	}
	nonce, closed := raw[idSize:idSize+nonceSize], raw[idSize+nonceSize:]
	ring := v.byID[binary.BigEndian.Uint32(raw)]
	into := closed[:0]
	if len(ring) != 1 { // opening in place destroys what a second key would need
		into = nil
	}
	for _, sl := range ring {
		if !sl.opens(now) {
			continue
		}
		if content, err := sl.aead.Open(into, nonce, closed, sl.extra[k]); err == nil {
			return content, sl
		}
	}
	if len(ring) == 0 {
		_, _ = decoy.aead.Open(nil, nonce, closed, decoy.extra[k])
	}
	return nil, nil
}

const hexDigits = "0123456789abcdef"

// unhex reads lower-case hexadecimal into dst, whose length is half of s's. One
// token has one spelling: capitals are refused.
func unhex(dst []byte, s string) bool {
	var bad byte
	for i := range dst {
		hi, lo := digit(s[2*i]), digit(s[2*i+1])
		bad |= hi | lo
		dst[i] = hi<<4 | lo&15
	}
	return bad < 16
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

func appendHex(dst, src []byte) []byte {
	for _, b := range src {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}
