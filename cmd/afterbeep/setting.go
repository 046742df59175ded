package main

import (
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/afterbeep/afterbeep/internal/config"
)

// setting is a flag of a setting. It checks nothing: config does, and words its
// complaint the same way whether the value came from a flag, a variable or the
// file.
type setting struct {
	value, kind string
}

func (s *setting) String() string     { return s.value }
func (s *setting) Set(v string) error { s.value = v; return nil }
func (s *setting) Type() string       { return s.kind }

// addSettings makes the flags of the named settings; of all that have none yet,
// when no name is given.
func addSettings(flags *pflag.FlagSet, names ...string) {
	for _, e := range config.Describe() {
		if flags.Lookup(e.Flag) != nil || len(names) > 0 && !slices.Contains(names, e.Flag) {
			continue
		}
		f := flags.VarPF(&setting{e.Default, kind(e)}, e.Flag, "", usage(e))
		if e.Boolean() {
			f.NoOptDefVal = "true"
		}
	}
}

// kind is what stands behind the flag in a help text.
func kind(e config.Entry) string {
	if e.Boolean() {
		return "bool"
	}
	if _, err := strconv.Atoi(e.Default); err == nil {
		return "number"
	}
	if _, err := time.ParseDuration(e.Default); err == nil {
		return "duration"
	}
	return "text"
}

// usage is a setting's line in a help text. The library adds the default, but
// not where the default is an empty text or a zero.
func usage(e config.Entry) string {
	text := e.Meaning
	switch r := e.Range(); {
	case r != "" && e.Unit == "duration":
		text += " (" + r + ")"
	case r != "":
		text += " (" + e.Unit + ", " + r + ")"
	case !e.Boolean():
		text += " (" + e.Unit + ")"
	}
	return text + " [" + e.Env + "]"
}
