package sheet

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

func TestRowsThatDoNotFitGoOnToAnotherSheet(t *testing.T) {
	var b bytes.Buffer
	out, err := newBook(&b, "calls", []string{"id"})
	if err != nil {
		t.Fatal(err)
	}
	out.most = 3
	for range 5 {
		if err := out.Add(Entry{ID: "7"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.End(); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	sheets := 0
	for _, f := range z.File {
		if strings.HasPrefix(f.Name, "xl/worksheets/") {
			sheets++
		}
	}
	if sheets != 3 || column(0)+column(25)+column(26)+column(701)+column(702) != "AZAAZZAAA" {
		t.Errorf("%d sheets, %s", sheets, column(702))
	}
}
