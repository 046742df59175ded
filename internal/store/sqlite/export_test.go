package sqlite

// SetSliceMost makes slices small.
func (x *Index) SetSliceMost(n int64) { x.most = n }
