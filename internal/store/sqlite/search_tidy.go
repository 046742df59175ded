package sqlite

import (
	"context"
	"database/sql"
)

// tidyPages is how much of a slice is merged at once: some milliseconds.
const tidyPages = 256

// tidy goes on with merging what lies in the slices that are full, or of a month
// that is over: a word that is looked for in one segment need not be looked for in
// a dozen. It takes one step, and is called as often as entries are taken in, so
// that what it costs a message does not depend on how many there are.
func (x *Index) tidy(ctx context.Context, f *indexFile) error {
	firsts, err := f.slices(ctx)
	if err != nil || len(firsts) == 0 {
		return err
	}
	for _, first := range firsts[:len(firsts)-1] { // the newest is being written to
		x.state.Lock()
		done := x.tidied[first]
		x.state.Unlock()
		if done {
			continue
		}
		name := sliceName(first)
		slice, err := x.file(ctx, name, sliceSchema)
		if err != nil {
			return err
		}
		more, err := slice.merge(ctx, tidyPages)
		if err != nil {
			return err
		}
		x.state.Lock()
		x.tidied[first], x.dirty[name] = !more, true
		x.state.Unlock()
		if more {
			return nil
		}
	}
	return nil
}

// merge writes so many pages of one segment that is to replace all others, and
// says whether there was anything to do.
func (f *indexFile) merge(ctx context.Context, pages int) (more bool, err error) {
	err = f.change(ctx, func(t *sql.Tx) error {
		var before, after int64
		if err := t.QueryRowContext(ctx, `SELECT total_changes()`).Scan(&before); err != nil {
			return err
		}
		// Below nought: of segments of all sizes.
		if _, err := t.ExecContext(ctx, `INSERT INTO words (words, rank) VALUES ('merge', $1)`, -pages); err != nil {
			return err
		}
		err := t.QueryRowContext(ctx, `SELECT total_changes()`).Scan(&after)
		more = after-before >= 2 // the command itself counts as one
		return err
	})
	return more, err
}
