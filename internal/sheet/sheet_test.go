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
	if r.ThreadID != "" || r.ReceivedAt != "1970-01-01T00:00:00.000001Z" {
		t.Errorf("%+v", r)
	}
	var cells, lines bytes.Buffer
	spread, err := sheet.NewSpread(&cells)
	if err != nil || spread.Add(r) != nil || spread.End() != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&cells).ReadAll()
	if err != nil || rows[0][6] != "caller" || rows[1][6] != "'=1+1" || rows[1][10] != "''tis\n@SUM(A1)" {
		t.Errorf("%v %q", err, rows)
	}
	if err := sheet.NewLines(&lines).Add(r); err != nil || !strings.Contains(lines.String(), `"text":"'tis\n@SUM(A1)"`) || strings.Count(lines.String(), "\n") != 1 {
		t.Errorf("%v %s", err, lines.String())
	}
}
