package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// worthwhile is from how many bytes on a page is compressed: less fits into one
// packet anyway.
const worthwhile = 1400

// Body writes the whole answer, once its headers are set: compressed when it was
// asked for with GET and the browser takes that, since on a telephone the page of
// an inbox would otherwise take longer than all the rest. Answers to forms are
// never compressed. Only they ever show a secret, and the length of a compressed
// page tells something about what is in it.
func (v *Visit) Body(status int, b []byte) {
	h := v.W.Header()
	h.Add("Vary", "Accept-Encoding")
	if v.R.Method != http.MethodPost && len(b) >= worthwhile && gzips(v.R) {
		if small, ok := v.pages.compress(b); ok {
			h.Set("Content-Encoding", "gzip")
			b = small
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	v.W.WriteHeader(status)
	if v.R.Method != http.MethodHead {
		_, _ = v.W.Write(b) // a browser that has gone away is told nothing
	}
}

// gzips says whether the browser takes gzip.
func gzips(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") }

// compress reuses what compressing needs, some hundred kilobytes a time.
func (p *Pages) compress(b []byte) ([]byte, bool) {
	z, ok := p.zips.Get().(*gzip.Writer)
	if !ok {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // that level exists
	}
	defer p.zips.Put(z)
	var out bytes.Buffer
	z.Reset(&out)
	if _, err := z.Write(b); err != nil {
		return nil, false
	}
	if err := z.Close(); err != nil {
		return nil, false
	}
	return out.Bytes(), true
}
