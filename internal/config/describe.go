package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Prefix begins the name of every variable that Afterbeep reads.
const Prefix = "AFTERBEEP_"

// Entry is one setting as documentation shows it.
type Entry struct {
	Key     string `json:"key"`     // in the file, with dots: limits.body
	Flag    string `json:"flag"`    // on the command line, without the hyphens: limits-body
	Env     string `json:"env"`     // in the environment: AFTERBEEP_LIMITS_BODY
	Default string `json:"default"` // as one would write it
	Unit    string `json:"unit"`
	Min     string `json:"min,omitempty"`
	Max     string `json:"max,omitempty"`
	Meaning string `json:"meaning"`

	path   []int // the field in Settings
	secret bool  // a URL with a password in it
}

// Range is the values that are allowed, in words; "" when any is.
func (e Entry) Range() string {
	if e.Min == "" {
		return ""
	}
	return e.Min + " to " + e.Max
}

// Boolean says whether the flag stands alone, without a value.
func (e Entry) Boolean() bool { return e.kind() == reflect.Bool }

func (e Entry) kind() reflect.Kind { return e.fieldType().Kind() }

func (e Entry) fieldType() reflect.Type {
	return reflect.TypeFor[Settings]().FieldByIndex(e.path).Type
}

// value is the entry's field in s.
func (e Entry) value(s *Settings) reflect.Value {
	return reflect.ValueOf(s).Elem().FieldByIndex(e.path)
}

// shown is the value as one would write it, without a password.
func (e Entry) shown(s *Settings) string {
	if e.secret {
		return Redact(e.value(s).String())
	}
	return format(e.value(s))
}

// Describe lists every setting, in the order of the struct. It is the one list
// from which flags, help and documentation are made.
func Describe() []Entry {
	return describe(reflect.TypeFor[Settings](), "", Prefix, nil)
}

func describe(t reflect.Type, key, env string, path []int) []Entry {
	var all []Entry
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int(nil), path...), i)
		name := key + f.Tag.Get("yaml")
		if prefix, nested := f.Tag.Lookup("envPrefix"); nested {
			all = append(all, describe(f.Type, name+".", env+prefix, at)...)
			continue
		}
		all = append(all, Entry{
			Key:     name,
			Flag:    strings.NewReplacer(".", "-", "_", "-").Replace(name),
			Env:     env + f.Tag.Get("env"),
			Default: f.Tag.Get("envDefault"),
			Unit:    f.Tag.Get("unit"),
			Min:     f.Tag.Get("min"),
			Max:     f.Tag.Get("max"),
			Meaning: f.Tag.Get("help"),
			path:    at,
			secret:  f.Tag.Get("secret") != "",
		})
	}
	return all
}

// format writes a value as the file and the flags take it; durations lose the
// zero parts that Go appends (1h0m0s).
func format(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return short(x)
	case string:
		return x
	default:
		return fmt.Sprint(x)
	}
}

func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
