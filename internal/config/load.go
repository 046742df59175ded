package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Effective is a setting with its value and where the value came from.
type Effective struct {
	Entry
	Value  string `json:"value"`
	Source string `json:"source"` // default, the file with its line, a variable's name, or a flag
}

// others are the variables that begin with AFTERBEEP_ and are no settings: the
// command line's own, and the one of test builds.
var others = []string{
	Prefix + "CONFIG", Prefix + "TENANT", Prefix + "URL", Prefix + "APP_KEY",
	Prefix + "APP_SECRET", Prefix + "CHANNEL_ID", Prefix + "TEETH",
}

// Defaults are the settings of a node that was told nothing.
func Defaults() Settings {
	var s Settings
	if err := env.ParseWithOptions(&s, env.Options{Environment: map[string]string{}}); err != nil {
		panic(err) // a tag above does not parse; the tests of this package read them all
	}
	return s
}

// Load puts the settings together. File is the one that --config names; when
// it is empty, AFTERBEEP_CONFIG in environ may name one. Environ is as from
// os.Environ; flags are the flags that were really given, by name without
// hyphens. Load does not judge the values: Check does.
func Load(file string, environ []string, flags map[string]string) (Settings, error) {
	s, _, err := Trace(file, environ, flags)
	return s, err
}

// Trace is Load, and says for every setting where its value came from.
func Trace(file string, environ []string, flags map[string]string) (Settings, []Effective, error) {
	s, entries := Defaults(), Describe()
	vars, err := variables(environ, entries)
	if err != nil {
		return s, nil, err
	}
	if file == "" {
		file = vars[Prefix+"CONFIG"]
	}
	sources := map[string]string{}
	if file != "" {
		lines, err := readFile(file, &s)
		if err != nil {
			return s, nil, err
		}
		for key, line := range lines {
			sources[key] = file + ":" + strconv.Itoa(line)
		}
	}
	for _, e := range entries {
		if value, given := vars[e.Env]; given {
			if err := e.set(&s, value, e.Env); err != nil {
				return s, nil, err
			}
			sources[e.Key] = e.Env
		}
	}
	if err := applyFlags(&s, entries, flags, sources); err != nil {
		return s, nil, err
	}
	all := make([]Effective, len(entries))
	for i, e := range entries {
		all[i] = Effective{Entry: e, Value: e.shown(&s), Source: sources[e.Key]}
		if all[i].Source == "" {
			all[i].Source = "default"
		}
	}
	return s, all, nil
}

func applyFlags(s *Settings, entries []Entry, flags, sources map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Flag == name })
		if i < 0 {
			return invalid("--%s is no setting", name)
		}
		if err := entries[i].set(s, flags[name], "--"+name); err != nil {
			return err
		}
		sources[entries[i].Key] = "--" + name
	}
	return nil
}

// set parses value as the environment's library does. The library takes an
// empty value for none at all; here it is one, so that `--data ""` is refused
// instead of meaning the default.
func (e Entry) set(s *Settings, value, from string) error {
	if value == "" && e.kind() == reflect.String {
		e.value(s).SetString("")
		return nil
	}
	err := env.ParseWithOptions(s, env.Options{
		Environment:         map[string]string{e.Env: value},
		Prefix:              Prefix,
		DefaultValueTagName: "none", // defaults are there already and may have been overwritten by the file
	})
	if err != nil || value == "" {
		return invalid("%s is %q, which is not %s", from, value, e.wanted())
	}
	return nil
}

// wanted is what a value must look like, with an example.
func (e Entry) wanted() string {
	switch {
	case e.fieldType() == durationType:
		return "a duration with its unit; write it like " + e.Default
	case e.kind() == reflect.Bool:
		return "true or false"
	case e.kind() == reflect.Int:
		return "a whole number; write it like " + e.Default
	}
	return "a text; write it like " + strconv.Quote(e.Default)
}

// variables picks what belongs to us and refuses what nobody reads: a setting
// with a slip of the pen in its name would otherwise be off without a word.
func variables(environ []string, entries []Entry) (map[string]string, error) {
	known := slices.Clone(others)
	for _, e := range entries {
		known = append(known, e.Env)
	}
	vars := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(strings.ToUpper(name), Prefix) || serviceLink(name, value) {
			continue
		}
		if !slices.Contains(known, name) {
			return nil, invalid("the environment has %s, which nobody reads; did you mean %s?", name, nearest(name, known))
		}
		vars[name] = value
	}
	return vars, nil
}

// serviceLink recognises what Kubernetes puts into every pod beside a service
// whose name begins with "afterbeep": AFTERBEEP_SERVICE_HOST, AFTERBEEP_PORT,
// AFTERBEEP_PORT_8080_TCP_ADDR and so on. They are not meant for us, and
// refusing them would keep the server from starting there.
func serviceLink(name, value string) bool {
	name = "_" + strings.TrimPrefix(name, Prefix)
	for _, end := range []string{"_SERVICE_HOST", "_SERVICE_PORT"} {
		if strings.HasSuffix(name, end) || strings.Contains(name, end+"_") {
			return true
		}
	}
	if strings.HasSuffix(name, "_PORT") {
		return strings.Contains(value, "://") // tcp://10.0.0.7:8080
	}
	_, rest, found := strings.Cut(name, "_PORT_")
	after := strings.TrimLeft(rest, "0123456789")
	return found && after != rest && (strings.HasPrefix(after, "_TCP") || strings.HasPrefix(after, "_UDP"))
}

// nearest is the name that takes the fewest changed letters.
func nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func invalid(text string, args ...any) error {
	return &desk.Error{Kind: desk.Invalid, Code: "config", Text: fmt.Sprintf(text, args...)}
}
