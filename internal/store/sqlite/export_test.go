package sqlite

import (
	"context"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// SetSliceMost makes slices small.
func (x *Index) SetSliceMost(n int64) { x.most = n }

// Segments counts where a word is looked for in a slice.
func (x *Index) Segments(ctx context.Context, first desk.ID) (n int, err error) {
	f, err := x.file(ctx, sliceName(first), "")
	if err == nil {
		err = f.read.QueryRowContext(ctx, `SELECT count(DISTINCT segid) FROM words_idx`).Scan(&n)
	}
	return n, err
}

// MonthOf is where a month's slice begins.
var MonthOf = monthOf
