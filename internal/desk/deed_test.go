package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// written is an honest log of so many rows, and its head.
func written(n int) (rows []desk.Deed, seq int64, hash []byte) {
	hash = desk.NoHash()
	for i := range n {
		d := desk.Deed{
			Tenant: 1, Seq: int64(i + 1), At: time.UnixMicro(int64(i)), Actor: "person:1", Name: "Ann", Address: "192.0.2.1",
			Action: desk.NumberShown, Object: fmt.Sprint("thread:", i), Data: "{}", Prev: hash,
		}
		d.Hash = d.Sum()
		hash, seq = d.Hash, d.Seq
		rows = append(rows, d)
	}
	return rows, seq, hash
}

// look lists what a check finds, as "what seq".
func look(rows []desk.Deed, seq int64, hash []byte) string {
	var t desk.Trail
	for i := range rows {
		t.Add(&rows[i])
	}
	t.End(seq, hash)
	var found []string
	for _, f := range t.Flaws {
		found = append(found, fmt.Sprintf("%s %d", f.What, f.Seq))
	}
	return strings.Join(found, ", ")
}

func rehash(d *desk.Deed) { d.Hash = d.Sum() }

func TestAnAuditLogTellsWhatWasDoneToIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func([]desk.Deed) []desk.Deed
		want   string
	}{
		{"nothing", func(r []desk.Deed) []desk.Deed { return r }, ""},
		{"a value changed", func(r []desk.Deed) []desk.Deed { r[4].Name = "Bob"; return r }, "changed 5"},
		{"a value changed, and its hash made to fit", func(r []desk.Deed) []desk.Deed { r[4].Name = "Bob"; rehash(&r[4]); return r }, "changed 5"},
		{"the last one changed, and its hash made to fit", func(r []desk.Deed) []desk.Deed { r[9].Name = "Bob"; rehash(&r[9]); return r }, "changed 10"},
		{"the hash alone", func(r []desk.Deed) []desk.Deed { r[4].Hash = desk.NoHash(); return r }, "changed 5"},
		{"one removed", func(r []desk.Deed) []desk.Deed { return slices.Delete(r, 4, 5) }, "missing 5"},
		{"the first removed", func(r []desk.Deed) []desk.Deed { return r[1:] }, "missing 1"},
		{"the last removed", func(r []desk.Deed) []desk.Deed { return r[:9] }, "missing 10"},
		{"all removed", func([]desk.Deed) []desk.Deed { return nil }, "missing 1"},
		{"three removed", func(r []desk.Deed) []desk.Deed { return slices.Delete(r, 3, 6) }, "missing 4"},
		{"one removed and another in its place", func(r []desk.Deed) []desk.Deed {
			r[4].Object = "thread:0"
			r[4].Prev = r[3].Hash
			rehash(&r[4])
			return r
		}, "changed 5"},
		{"one behind the last", func(r []desk.Deed) []desk.Deed {
			d := r[9]
			d.Seq, d.Prev = 11, r[9].Hash
			rehash(&d)
			return append(r, d)
		}, "inserted 11"},
		{"a copy of the last one behind it", func(r []desk.Deed) []desk.Deed { d := r[9]; d.Seq = 11; return append(r, d) }, "inserted 11"},
		{"one before the first", func(r []desk.Deed) []desk.Deed { d := r[0]; d.Seq = 0; return slices.Insert(r, 0, d) }, "inserted 0"},
		{"one slipped in, all behind it moved", func(r []desk.Deed) []desk.Deed { return slip(r, true) }, "inserted 5"},
		{"one slipped in clumsily, all behind it moved", func(r []desk.Deed) []desk.Deed { return slip(r, false) }, "inserted 5"},
		{"two slipped in", func(r []desk.Deed) []desk.Deed { return slip(slip(r, true), true) }, "inserted 5, inserted 6"},
		{"two changed", func(r []desk.Deed) []desk.Deed { r[2].Name, r[7].Name = "x", "y"; return r }, "changed 3, changed 8"},
		{"another tenant's row", func(r []desk.Deed) []desk.Deed { r[4].Tenant = 2; return r }, "changed 5"},
	} {
		rows, seq, hash := written(10)
		if got := look(c.change(rows), seq, hash); got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}

// slip puts a row in as the fifth and gives those behind it higher numbers.
func slip(r []desk.Deed, fits bool) []desk.Deed {
	d := desk.Deed{Tenant: 1, Seq: 5, At: r[3].At, Actor: "person:9", Action: desk.SignedIn, Data: "{}", Prev: r[3].Hash}
	if fits {
		rehash(&d)
	} else {
		d.Hash = desk.NoHash()
	}
	for i := 4; i < len(r); i++ {
		r[i].Seq++
	}
	return slices.Insert(r, 4, d)
}

func TestNoValueOfARowCanBeChangedUnseen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows, seq, hash := written(5)
		d := &rows[rapid.IntRange(0, 4).Draw(rt, "row")]
		word := rapid.StringN(1, 5, -1).Draw(rt, "word")
		field := rapid.SampledFrom([]*string{&d.Actor, &d.Name, &d.Address, &d.Action, &d.Object, &d.Data}).Draw(rt, "field")
		if rapid.Bool().Draw(rt, "time") {
			d.At = d.At.Add(time.Microsecond)
		} else if *field == word {
			return
		} else {
			*field = word
		}
		if got := look(rows, seq, hash); got != fmt.Sprintf("changed %d", d.Seq) {
			rt.Fatalf("found %q in row %d", got, d.Seq)
		}
	})
}

func TestWhereOneValueEndsMatters(t *testing.T) {
	a := desk.Deed{Actor: "ab", Name: "c"}
	b := desk.Deed{Actor: "a", Name: "bc"}
	if string(a.Sum()) == string(b.Sum()) {
		t.Fatal("a letter moved from one value to the next")
	}
}
