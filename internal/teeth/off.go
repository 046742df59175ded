//go:build !teeth

// Package teeth breaks promises on purpose. Every torture test must also be
// run against a binary that does wrong, or its passing proves nothing; a binary
// built with the tag "teeth" does the wrong things that AFTERBEEP_TEETH names.
// In every other build On is the constant false and the broken branches are
// not compiled in.
package teeth

// On says whether the named promise is to be broken: never, in this build.
func On(string) bool { return false }
