package rig_test

import (
	"testing"

	"github.com/afterbeep/afterbeep/test/rig"
)

func TestTheLedgerSeesEveryBrokenPromise(t *testing.T) {
	l := rig.NewLedger("ledger", 7)
	letters := make([]rig.Letter, 6)
	var stored []rig.Message
	for i, kind := range []rig.Kind{rig.Acked, rig.Acked, rig.Refused, rig.NetError, rig.Unknown, rig.Acked} {
		letters[i] = l.Write()
		l.Note(letters[i], rig.Outcome{Kind: kind, Reference: "R"})
	}
	for _, i := range []int{0, 2, 3, 3, 5} { // 1 is lost, 2 is a ghost, 3 is doubled
		stored = append(stored, rig.Message{CallID: letters[i].CallID, Caller: letters[i].Caller, Text: letters[i].Text, Reference: "R"})
	}
	stored[4].Reference = "S"
	stored = append(stored, rig.Message{Text: "nobody sent this"})
	v := l.Compare(stored)
	if v.Acked != 3 || v.Refused != 1 || v.Unknown != 2 || v.Stored != 6 {
		t.Errorf("wrong counts: %s", v)
	}
	if len(v.Lost) != 1 || len(v.Ghosts) != 1 || len(v.Doubled) != 1 || len(v.Strange) != 1 || len(v.Renamed) != 1 || v.Violations() != 5 {
		t.Errorf("wrong findings: %s", v)
	}
}

func TestAnAcknowledgementAfterTheFreezePromisesNothing(t *testing.T) {
	l := rig.NewLedger("ledger", 7)
	before, after := l.Write(), l.Write()
	l.Note(before, rig.Outcome{Kind: rig.Acked})
	l.Freeze()
	l.Note(after, rig.Outcome{Kind: rig.Acked})
	if v := l.Compare(nil); v.Acked != 1 || len(v.Lost) != 1 || v.Unknown != 1 {
		t.Errorf("%s", v)
	}
}
