package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Files are static files that never change under their address: it carries a
// hash over all of them, so scripts may import each other by plain names.
// Each is compressed once, when the server starts.
type Files struct {
	hash  string
	files map[string]file
}

type file struct {
	kind        string
	plain, gzip []byte
}

// NewFiles reads the whole tree. What begins with a dot or ends in .txt, .md or
// .json is for people who read the source, and is not served.
func NewFiles(tree fs.FS) (*Files, error) {
	f := &Files{files: map[string]file{}}
	sum := sha256.New()
	z, err := gzip.NewWriterLevel(nil, gzip.BestCompression) // one for all: it is larger than they are
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		kind := kinds(path.Ext(name))
		if kind == "" {
			return nil
		}
		b, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		_, _ = sum.Write([]byte(name + "\x00" + strconv.Itoa(len(b)) + "\x00"))
		_, _ = sum.Write(b)
		f.files[name] = file{kind: kind, plain: b, gzip: compressed(z, b)}
		return nil
	})
	f.hash = hex.EncodeToString(sum.Sum(nil))[:16]
	return f, err
}

// kinds is our own table: what the host says about .js would decide whether pages
// work there, since browsers are told not to guess.
func kinds(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".webmanifest":
		return "application/manifest+json"
	}
	return ""
}

// compressed is nil when it would be no smaller.
func compressed(z *gzip.Writer, b []byte) []byte {
	var out bytes.Buffer
	z.Reset(&out)
	if _, err := z.Write(b); err != nil {
		return nil
	}
	if z.Close() != nil || out.Len() >= len(b) {
		return nil
	}
	return bytes.Clone(out.Bytes())
}

// Path is the address of a file, below /static/.
func (f *Files) Path(name string) string { return "/static/" + f.hash + "/" + name }

// Page is the route of the files.
func (f *Files) Page() Page {
	return Page{Method: http.MethodGet, Path: "/static/{hash}/{name...}", Handle: f.serve}
}

// serve answers what is there now, also under another hash: while a new version
// is rolled out, a page of one node may ask another for its files. Such an
// answer is not kept.
func (f *Files) serve(v *Visit) error {
	found, ok := f.files[v.R.PathValue("name")]
	if !ok {
		http.NotFound(v.W, v.R)
		return nil
	}
	h := v.W.Header()
	if v.R.PathValue("hash") == f.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Content-Type", found.kind)
	h.Set("Vary", "Accept-Encoding")
	body := found.plain
	if found.gzip != nil && gzips(v.R) {
		body = found.gzip
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	v.W.WriteHeader(http.StatusOK)
	if v.R.Method != http.MethodHead {
		_, _ = v.W.Write(body)
	}
	return nil
}
