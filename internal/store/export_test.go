package store

import "database/sql"

// Over is a store of the same engine on other pools, which a test may have
// tapped: then it sees every statement, however it is run.
func Over(s *Store, read, write *sql.DB) *Store { return New(s.dialect, read, write) }
