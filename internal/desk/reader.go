package desk

import "time"

// Lease is the right to run a reader of one tenant's event log, and where that
// reader stands. One node at a time holds it.
type Lease struct {
	Tenant TenantID
	Reader string    // the reader's name, 1–64 characters
	Holder string    // the process that holds it; "" is nobody
	Seq    int64     // the last event whose work is finished
	Until  time.Time // it may be taken by others after that
}

// Excerpt is a stretch of a tenant's event log, in order.
type Excerpt struct {
	Events  []Event // those whose hash matches
	Last    int64   // the number of the last one that was read, damaged or not; 0 when there was none
	Damaged []int64 // the numbers of those that are not what was written
}
