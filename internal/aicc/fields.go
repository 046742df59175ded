package aicc

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/afterbeep/afterbeep/internal/web"
)

// maxDepth is how deep JSON may be nested, the outermost object included.
const maxDepth = 32

var errSyntax = web.Refuse(web.Problem(http.StatusBadRequest, "bad_json",
	"the body must be one JSON object in UTF-8, without duplicate names, at most 32 levels deep"))

// parser reads bodies one after the other without allocating.
type parser struct {
	in  bytes.Buffer
	dec *jsontext.Decoder
}

var parsers = sync.Pool{New: func() any {
	p := &parser{}
	p.dec = jsontext.NewDecoder(&p.in)
	return p
}}

// fields reads a body that must be one JSON object and gives the values of the
// names, in their order. What is missing or is no string is "". The whole body
// is read whatever is asked of it: a duplicate name at any depth, invalid UTF-8,
// half a surrogate pair and anything behind the object are errors. Names are
// compared exactly, after unescaping. One byte order mark in front is skipped.
func fields(body []byte, names ...string) ([]string, error) {
	return wrapped(body, "", names...)
}

// wrapped is fields for a body that may also carry the names one level down, in
// an object called wrap. When it does, only what is in there counts.
func wrapped(body []byte, wrap string, names ...string) ([]string, error) {
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	p.in = *bytes.NewBuffer(bytes.TrimPrefix(body, []byte("\ufeff")))
	p.dec.Reset(&p.in)
	defer p.release()
	if p.dec.PeekKind() != '{' {
		return nil, errSyntax
	}
	values := make([]string, len(names))
	inner, err := p.object(values, wrap, names)
	if err != nil {
		return nil, errSyntax
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errSyntax
	}
	if inner != nil {
		return inner, nil
	}
	return values, nil
}

// release lets go of the body, which belongs to the request.
func (p *parser) release() {
	p.in = bytes.Buffer{}
	p.dec.Reset(&p.in)
}

// object reads the object that comes next into values. inner is what an object
// called wrap holds, nil when there is none.
func (p *parser) object(values []string, wrap string, names []string) (inner []string, err error) {
	depth := p.dec.StackDepth()
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, err
	}
	for {
		name, err := p.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		if p.dec.StackDepth() == depth { // the object's end
			return inner, nil
		}
		at := find(names, name)
		isWrap := wrap != "" && name.String() == wrap
		switch kind := p.dec.PeekKind(); {
		case kind == '{' && isWrap:
			inner = make([]string, len(names))
			_, err = p.object(inner, "", names)
		case kind == '"' && at >= 0:
			var value jsontext.Token
			if value, err = p.dec.ReadToken(); err == nil {
				values[at] = value.String()
			}
		default:
			err = p.skip()
		}
		if err != nil {
			return nil, err
		}
	}
}

func find(names []string, name jsontext.Token) int {
	s := name.String()
	for i, n := range names {
		if s == n {
			return i
		}
	}
	return -1
}

// skip reads one value and forgets it.
func (p *parser) skip() error {
	depth := p.dec.StackDepth()
	for {
		if _, err := p.dec.ReadToken(); err != nil {
			return err
		}
		switch d := p.dec.StackDepth(); {
		case d == depth:
			return nil
		case d > maxDepth:
			return errSyntax
		}
	}
}
