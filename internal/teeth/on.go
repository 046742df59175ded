//go:build teeth

// Package teeth breaks promises on purpose; see off.go.
package teeth

import (
	"os"
	"slices"
	"strings"
)

var names = strings.Split(os.Getenv("AFTERBEEP_TEETH"), ",")

// On says whether the named promise is to be broken.
func On(name string) bool { return slices.Contains(names, name) }
