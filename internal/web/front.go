package web

import (
	"net/http"
	"path"
)

// Surface is what may stand behind the table: it answers the requests that it
// owns.
type Surface interface {
	http.Handler
	Owns(r *http.Request) bool
}

// Front lets surfaces share the table's listener. Nothing that the table has a
// path for, under whichever method, gets as far as a surface, and what nobody
// owns is the table's 404: the compatible surface answers as if it were alone.
// A path that is not clean, or is escaped, belongs to no surface.
func Front(table *Table, surfaces ...Surface) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !table.has(r) && plain(r) {
			for _, s := range surfaces {
				if s.Owns(r) {
					s.ServeHTTP(w, r)
					return
				}
			}
		}
		table.ServeHTTP(w, r)
	})
}

func (t *Table) has(r *http.Request) bool { return len(t.routes[r.URL.EscapedPath()]) > 0 }

// plain: the path is written as it is meant, so two ways of reading it agree.
func plain(r *http.Request) bool {
	p := r.URL.EscapedPath()
	return p == r.URL.Path && p != "" && (p == "/" || path.Clean(p) == p)
}
