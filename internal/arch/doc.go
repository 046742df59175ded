// Package arch holds the plan of the house as tests: which room may use which
// (doors), how large things may grow (budgets), and a few habits that a
// reviewer should not have to look for. It promises that what the plan forbids
// fails `go test ./internal/arch` with the place and the reason, and that
// every rule really bites: each is also run on code that breaks it. It has no
// code of its own, and nobody calls it.
package arch
