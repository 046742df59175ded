// Package sheet writes tables for other programs: JSON lines with every text
// exactly as it was left, and CSV and workbooks in which no cell is a formula. The
// command line and /v1 export through it, so that a file is the same wherever it
// comes from. It promises the rows in the order given, and keeps none of them.
package sheet

import "time"

// Stamp is a time for machines: RFC 3339, UTC, always with microseconds; "" when
// there is none.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
