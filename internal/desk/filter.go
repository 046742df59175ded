package desk

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Filter is a list of threads that somebody keeps under a name.
type Filter struct {
	Tenant    TenantID
	ID        int64    // made of the time, so that one that was removed is not another's later
	Person    PersonID // who keeps it
	Name      string   // 1–64 characters; a person's differ
	Query     string   // as it stands in the address of the list
	Shared    bool     // everybody of the tenant has it
	CreatedAt time.Time
}

// How many filters there can be, so that the pane in which they stand can be read.
const (
	MaxFilters  = 30 // that one person keeps, what she shares included
	MaxShared   = 30 // that a tenant's people share
	MaxFiltered = 2000
)

// CheckFilter says whether a filter's values can be kept: Query has 1 to
// MaxFiltered bytes.
func CheckFilter(f *Filter) error {
	switch {
	case f.Person == 0:
		return Errorf(Invalid, "no_person", "only a person can keep a filter")
	case !Name(f.Name):
		return Errorf(Invalid, "filter_name", "a filter's name has 1 to 64 visible characters, without spaces at its ends")
	case f.Query == "" || len(f.Query) > MaxFiltered || !utf8.ValidString(f.Query) || strings.ContainsRune(f.Query, 0):
		return Errorf(Invalid, "filter_query", "this filter is too long to be kept; search for fewer words")
	}
	return nil
}

// NoFilter says that there is no such filter, or none that the asker may know of.
func NoFilter() error { return Errorf(Missing, "filter", "there is no such filter") }
