package archive

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

func named(t testing.TB, name string) store.Table {
	t.Helper()
	all := store.Carried()
	i := slices.IndexFunc(all, func(t store.Table) bool { return t.Name == name })
	if i < 0 {
		t.Fatalf("no table %s is carried", name)
	}
	return all[i]
}

type filled struct {
	at   store.Section
	rows []store.Values
}

func sample(t testing.TB) []filled {
	channel := store.Section{Table: named(t, "channel"), Tenant: 1}
	receipt := store.Section{Table: named(t, "receipt"), Tenant: 1}
	key := store.Section{Table: named(t, "seal_key"), Tenant: 2}
	return []filled{
		{channel, []store.Values{
			{int64(202611220000000001), "网站 \u2028 \"quoted\" \\ <b>&amp;", "zh_CN", "CN", int64(4000), "[]", int64(0), int64(math.MaxInt64), "self", int64(0)},
			{int64(math.MinInt64), "\U0001F600 \r\n\t e\u0301", "", "", int64(-1), "[]", int64(1), int64(exact), "hand", int64(60)},
		}},
		{receipt, nil},
		{key, []store.Values{{int64(7), []byte{0, 255, 10, 13}, int64(1), int64(0)}, {int64(8), []byte{}, int64(0), int64(0)}}},
	}
}

func written(t testing.TB, all []filled) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Head{Schema: 5, Engine: "sqlite", At: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if err := w.Section(s.at); err != nil {
			t.Fatal(err)
		}
		if err := w.Rows(s.rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsReadIsWhatWasWritten(t *testing.T) {
	all := sample(t)
	var got []filled
	s, err := Read(bytes.NewReader(written(t, all)), func(at store.Section, page []store.Values) error {
		got = append(got, filled{at, page})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if got[i].at.Table.Name != all[i].at.Table.Name || got[i].at.Tenant != all[i].at.Tenant {
			t.Errorf("section %d is %s of %d", i, got[i].at.Table.Name, got[i].at.Tenant)
		}
		if diff := cmp.Diff(all[i].rows, got[i].rows); diff != "" {
			t.Error(diff)
		}
	}
	if s.Head.Engine != "sqlite" || s.Head.Schema != 5 || s.Rows() != 4 || len(s.Totals) != 3 {
		t.Errorf("%+v", s)
	}
}

// packed packs lines as an archive is packed.
func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(t testing.TB, raw []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func refuses(t *testing.T, name string, raw []byte, parts ...string) {
	t.Helper()
	_, err := Read(bytes.NewReader(raw), Nothing)
	if err == nil {
		t.Errorf("%s is taken for an archive", name)
		return
	}
	if k := desk.KindOf(err); k != desk.Invalid && k != desk.Unstored {
		t.Errorf("%s: %v is of the kind %v", name, err, k)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %q lacks %q", name, err, part)
		}
	}
}

func TestAnArchiveThatWasCutAnywhereIsRefused(t *testing.T) {
	raw := written(t, sample(t))
	for n := range raw {
		refuses(t, fmt.Sprintf("its first %d bytes", n), raw[:n])
	}
	text := unpacked(t, raw)
	for i := range len(text) { // and one that was cut before it was packed
		refuses(t, fmt.Sprintf("its first %d characters", i), packed(t, text[:i]))
	}
}

func TestAnArchiveInWhichAnyByteWasChangedIsRefused(t *testing.T) {
	text := unpacked(t, written(t, sample(t)))
	for i := range len(text) {
		for _, c := range []byte{text[i] ^ 1, text[i] ^ 32} {
			refuses(t, fmt.Sprintf("byte %d as %q", i, c), packed(t, text[:i]+string(rune(c))+text[i+1:]))
		}
	}
	raw := written(t, sample(t))
	for i := 10; i < len(raw); i++ { // the first ten are gzip's own head
		changed := bytes.Clone(raw)
		changed[i] ^= 4
		if _, err := Read(bytes.NewReader(changed), Nothing); err == nil {
			t.Errorf("byte %d of the packed archive may be changed", i)
		}
	}
}

func TestLinesThatAreGoneDoubledOrInAnotherPlaceAreSeen(t *testing.T) {
	lines := strings.SplitAfter(unpacked(t, written(t, sample(t))), "\n")
	lines = lines[:len(lines)-1]
	for i := range lines {
		refuses(t, "without line "+lines[i], packed(t, strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")))
		refuses(t, "with a second "+lines[i], packed(t, strings.Join(slices.Insert(slices.Clone(lines), i, lines[i]), "")))
	}
	refuses(t, "with a line behind", packed(t, strings.Join(lines, "")+"{}\n"), "follows")
	refuses(t, "with bytes behind", append(written(t, sample(t)), 'x'), "follows")
	refuses(t, "two in one file", append(written(t, sample(t)), written(t, sample(t))...), "follows")
}

func TestWhatIsNoArchiveIsRefusedInWords(t *testing.T) {
	head := `{"afterbeep":"archive","format":1,"schema":5,"engine":"sqlite","at":"2026-11-23T00:00:00Z"}` + "\n"
	key := `{"table":"seal_key","tenant":1,"columns":["key_id","secret","active_at","retire_at"]}` + "\n"
	for name, c := range map[string]struct {
		text  string
		parts []string
	}{
		"nothing":             {"", []string{"cut short"}},
		"something else":      {"hello\n", []string{"no archive"}},
		"another head":        {`{"afterbeep":"settings"}` + "\n", []string{"no archive"}},
		"a newer form":        {strings.Replace(head, `"format":1`, `"format":2`, 1), []string{"format 2", "version that wrote it"}},
		"an unknown table":    {head + `{"table":"webhook","tenant":1,"columns":[]}` + "\n", []string{`"webhook"`, "does not know"}},
		"an unknown column":   {head + strings.Replace(key, "retire_at", "colour", 1), []string{`"colour"`, "does not know"}},
		"a column twice":      {head + strings.Replace(key, "retire_at", "key_id", 1), []string{"twice"}},
		"too few columns":     {head + strings.Replace(key, `,"retire_at"`, "", 1), []string{"lacks columns", "upgrade"}},
		"a tenant below zero": {head + strings.Replace(key, `"tenant":1`, `"tenant":-1`, 1), []string{"cannot be"}},
		"nobody's keys":       {head + strings.Replace(key, `"tenant":1`, `"tenant":0`, 1), []string{"cannot be"}},
		"a row of no table":   {head + "[1]\n", []string{"line 2", "no table"}},
		"a short row":         {head + key + "[1]\n", []string{"line 3", "seal_key"}},
		"a long row":          {head + key + `[1,"",1,0,0]` + "\n", []string{"line 3"}},
		"another kind":        {head + key + `[1,2,1,0]` + "\n", []string{"line 3"}},
		"a number too large":  {head + key + `[9223372036854775808,"",1,0]` + "\n", []string{"line 3"}},
		"a fraction":          {head + key + `[1.5,"",1,0]` + "\n", []string{"line 3"}},
		"no base64":           {head + key + `[1,"###",1,0]` + "\n", []string{"line 3"}},
		"nested":              {head + key + `[[1],"",1,0]` + "\n", []string{"line 3"}},
		"a section twice":     {head + key + `{"rows":0,"hash":"` + strings.Repeat("0", 64) + "\"}\n" + key, []string{"twice"}},
		"an unknown word":     {head + `{"tables":"app"}` + "\n", []string{"line 2"}},
		"a NUL":               {head + `{"table":"tenant","tenant":1,"columns":["created_at","name"]}` + "\n" + `[1,"a\u0000b"]` + "\n", []string{"tenant", "name"}},
		"a lone surrogate":    {head + `{"table":"tenant","tenant":1,"columns":["created_at","name"]}` + "\n" + `[1,"\ud800"]` + "\n", []string{"line 3"}},
		"an endless line":     {head + `{"table":"` + strings.Repeat("a", maxLine) + `"}` + "\n", []string{"longer than 16 MiB"}},
	} {
		refuses(t, name, packed(t, c.text), c.parts...)
	}
	refuses(t, "a file that is not packed", []byte(head), "not packed with gzip")
}

func TestARowWhoseHashIsNotItsOwnIsNeitherWrittenNorRead(t *testing.T) {
	event := store.Section{Table: named(t, "event"), Tenant: 1}
	row := store.Values{int64(1), int64(1), "message.left", "", int64(1), "{}", make([]byte, 16)}
	var b bytes.Buffer
	w, err := NewWriter(&b, Head{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Section(event); err != nil {
		t.Fatal(err)
	}
	if err := w.Rows([]store.Values{row}); desk.KindOf(err) != desk.Unstored || !strings.Contains(err.Error(), "event of tenant 1 1 is damaged") {
		t.Errorf("a damaged row is written: %v", err)
	}
	head := `{"afterbeep":"archive","format":1,"schema":5,"engine":"sqlite","at":"2026-11-23T00:00:00Z"}` + "\n"
	refuses(t, "a row with another hash", packed(t, head+`{"table":"event","tenant":1,"columns":["seq","thread_id","kind","actor","at","data","hash"]}`+"\n"+
		`[1,1,"message.left","",1,"{}","AAAAAAAAAAAAAAAAAAAAAA=="]`+"\n"), "event of tenant 1 1", "not what was written")
}

func TestAFileThatIsThereIsNeverOverwrittenAndAHalfOneHasNoName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backup")
	write := func(to io.Writer) error {
		_, err := to.Write(written(t, sample(t)))
		return err
	}
	if s, err := Create(file, write); err != nil || s.Rows() != 4 {
		t.Fatal(s, err)
	}
	if form, err := Recognise(file); form != Portable || err != nil {
		t.Error(form, err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	if _, err := Create(file, write); desk.KindOf(err) != desk.Conflict {
		t.Errorf("a backup was overwritten: %v", err)
	}
	other := file + "2"
	if _, err := Create(other, func(to io.Writer) error { return write(&short{to, 100}) }); err == nil {
		t.Error("half an archive got a name")
	}
	for _, name := range []string{other, other + ".partial"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s was left behind", name)
		}
	}
	if _, err := Recognise(other); desk.KindOf(err) != desk.Missing {
		t.Error(err)
	}
	if err := os.WriteFile(other, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Recognise(other); desk.KindOf(err) != desk.Invalid {
		t.Error(err)
	}
}

// short loses what comes after so many bytes.
type short struct {
	to   io.Writer
	left int
}

func (s *short) Write(p []byte) (int, error) {
	n := min(s.left, len(p))
	s.left -= n
	_, err := s.to.Write(p[:n])
	return len(p), err
}

func FuzzNoArchivePanics(f *testing.F) {
	f.Add(unpacked(f, written(f, sample(f))))
	f.Add(`{"afterbeep":"archive","format":1}` + "\n[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = Read(bytes.NewReader(packed(t, text)), Nothing)
		_, _ = Read(strings.NewReader(text), Nothing)
	})
}
