package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxFile is far beyond any real file, in bytes; it stops a mistaken path to
// something large from being read into memory.
const maxFile = 1 << 20

var durationType = reflect.TypeFor[time.Duration]()

// The two forms in which the YAML library words its complaints.
var (
	unknownField = regexp.MustCompile(`^line (\d+): field (.+) not found in type `)
	atLine       = regexp.MustCompile(`line (\d+): (.+)`)
)

// readFile puts the file's values over those in s and tells on which line each
// key stands.
func readFile(file string, s *Settings) (map[string]int, error) {
	raw, err := readAll(file)
	if err != nil {
		return nil, err
	}
	lines, err := keyLines(file, raw)
	if err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		return nil, complaint(file, err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, invalid("%s has more than one document (---); put all settings into one", file)
	}
	return lines, nil
}

func readAll(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, invalid("the configuration file cannot be read: %v", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, invalid("the configuration file cannot be read: %v", err)
	}
	if len(raw) > maxFile {
		return nil, invalid("%s is larger than 1 MiB; is it the right file?", file)
	}
	return raw, nil
}

// keyLines walks the mapping and refuses keys without a value, which the
// decoder would take for the default.
func keyLines(file string, raw []byte) (map[string]int, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, complaint(file, err)
	}
	lines := map[string]int{}
	if len(doc.Content) == 0 {
		return lines, nil
	}
	return lines, walk(file, "", doc.Content[0], lines)
}

func walk(file, prefix string, n *yaml.Node, lines map[string]int) error {
	if n.Kind != yaml.MappingNode {
		return nil // the decoder words that
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := prefix + key.Value
		if value.Tag == "!!null" {
			return invalid("%s:%d: %s has no value; give it one, or take the line out", file, key.Line, name)
		}
		if value.Kind == yaml.MappingNode {
			if err := walk(file, name+".", value, lines); err != nil {
				return err
			}
			continue
		}
		lines[name] = key.Line
	}
	return nil
}

// complaint turns the library's error into one sentence with file and line.
func complaint(file string, err error) error {
	text := err.Error()
	var many *yaml.TypeError
	if errors.As(err, &many) && len(many.Errors) > 0 {
		text = many.Errors[0]
	}
	if m := unknownField.FindStringSubmatch(text); m != nil {
		return invalid("%s:%s: there is no setting %q here; did you mean %q?", file, m[1], m[2], nearestKey(m[2]))
	}
	if m := atLine.FindStringSubmatch(text); m != nil {
		return invalid("%s:%s: %s", file, m[1], plain(m[2]))
	}
	return invalid("%s: %s", file, strings.TrimPrefix(text, "yaml: "))
}

var wrongType = regexp.MustCompile("^cannot unmarshal \\S+(?: `(.*)`)? into (.+)$")

func plain(text string) string {
	m := wrongType.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	wanted := map[string]string{
		"int": "a whole number", "bool": "true or false", "string": "a text",
		"time.Duration": "a duration with its unit, such as 10s",
	}[m[2]]
	if wanted == "" {
		wanted = "a list of keys and values"
	}
	if m[1] == "" {
		return "this is not " + wanted
	}
	return fmt.Sprintf("%s is not %s", strconv.Quote(m[1]), wanted)
}

func nearestKey(key string) string {
	var known []string
	for _, e := range Describe() {
		known = append(known, e.Key)
		if _, last, nested := strings.Cut(e.Key, "."); nested {
			known = append(known, last)
		}
	}
	return nearest(key, known)
}
