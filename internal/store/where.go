package store

import (
	"strconv"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// where builds a condition behind the tenant's, which is $1 and not in args.
type where struct {
	text string
	args []any
}

// arg adds a value and gives its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args)+1)
}

func (w *where) and(condition string, v any) { w.text += " AND " + condition + w.arg(v) }

// in is a list of texts; an empty one finds nothing.
func (w *where) in(column string, values []string) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	if len(marks) == 0 {
		marks = []string{"NULL"}
	}
	w.text += " AND " + column + " IN (" + strings.Join(marks, ", ") + ")"
}

func (w *where) ids(column string, ids []desk.ID) {
	marks := make([]string, len(ids))
	for i, id := range ids {
		marks[i] = w.arg(int64(id))
	}
	w.text += " AND " + column + " IN (" + strings.Join(marks, ", ") + ")"
}

func (w *where) blobs(column string, values [][]byte) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	w.text += " AND " + column + " IN (" + strings.Join(marks, ", ") + ")"
}

// anybodys is a statement without its tenant, for the controls that must see
// what that shows.
func anybodys(text string) string {
	return strings.NewReplacer("m.tenant_id = $1", "$1 > 0", "tenant_id = $1", "$1 > 0").Replace(text)
}
