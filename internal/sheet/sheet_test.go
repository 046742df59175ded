package sheet_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sheet"
)

func TestCellsAreNoFormulasAndLinesHaveEveryTextAsItWasLeft(t *testing.T) {
	m := desk.Listed{Message: desk.Message{
		ID: 1 << 40, Channel: 202611230000000001, Caller: "=1+1", Text: "'tis\n@SUM(A1)", ReceivedAt: time.UnixMicro(1).UTC(),
	}, State: desk.Stored}
	r := sheet.RecordOf(&m, "default")
	if r.Thread != "" || r.ReceivedAt != "1970-01-01T00:00:00.000001Z" {
		t.Errorf("%+v", r)
	}
	written := map[string]string{}
	for _, format := range []string{sheet.CSV, sheet.JSON} {
		var b bytes.Buffer
		out, err := sheet.NewTable(&b, format, "", sheet.Columns())
		if err != nil || out.Add(r) != nil || out.End() != nil {
			t.Fatal(err)
		}
		written[format] = b.String()
	}
	rows, err := csv.NewReader(strings.NewReader(written[sheet.CSV])).ReadAll()
	if err != nil || rows[0][6] != "caller" || rows[1][6] != "'=1+1" || rows[1][10] != "''tis\n@SUM(A1)" {
		t.Errorf("%v %q", err, rows)
	}
	if lines := written[sheet.JSON]; !strings.Contains(lines, `"text":"'tis\n@SUM(A1)"`) || strings.Count(lines, "\n") != 1 {
		t.Error(lines)
	}
}
