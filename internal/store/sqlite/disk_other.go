//go:build !linux

package sqlite

// networkDisk cannot be told here; the operator must know.
func networkDisk(string) string { return "" }
