package cluster_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/afterbeep/afterbeep/test/rig"
)

func TestD13WhatIsStoredIsWhatWasSentByteForByte(t *testing.T) {
	seed := rig.Seed(t)
	c := newCluster(t, "D13", seed, shape{nodes: 2})
	sent, refused := c.scribbles(rig.Times(3000, 100000))
	for _, how := range refused[:min(len(refused), 5)] {
		t.Error(how)
	}
	stored := rig.Messages(t, c.direct(""))
	sheet, err := csv.NewReader(strings.NewReader(rig.Must(t, c.direct(""), "messages", "export", "--format", "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	differ := differences(sent, stored, sheet)
	for _, one := range differ[:min(len(differ), 5)] {
		t.Error(one)
	}
	t.Logf("D13: seed %d, acked %d, stored %d, differences %d", seed, len(sent), len(stored), len(differ))
	if len(stored) == 0 {
		t.Fatal("nothing is stored: the trial proves nothing")
	}
	// The control: one character of one message is another.
	stored[0].Text = strings.Replace(stored[0].Text, stored[0].Text[:1], "b", 1)
	if got := differences(sent, stored, sheet); len(got) != len(differ)+1 {
		t.Errorf("one message was changed, and %d differences were found instead of %d", len(got), len(differ)+1)
	}
}

// scribbles leaves so many random texts, and gives what was acknowledged by
// callId, and how the rest was answered. (Two nodes may give two messages of one
// millisecond the same reference.)
func (c *cluster) scribbles(times int) (sent map[string]string, refused []string) {
	var (
		all sync.WaitGroup
		mu  sync.Mutex
	)
	sent = map[string]string{}
	const hands = 32
	for hand := range hands {
		chance := rand.New(rand.NewPCG(uint64(c.Seed), uint64(hand)))
		all.Go(func() {
			for i := hand; i < times; i += hands {
				letter := rig.Letter{CallID: fmt.Sprintf("c%d", i), Caller: "13800007777", Text: scribble(chance)}
				o := c.nodes[i%len(c.nodes)].client.Load().Leave(context.Background(), letter)
				mu.Lock()
				if o.Kind == rig.Acked {
					sent[letter.CallID] = letter.Text
				} else {
					refused = append(refused, fmt.Sprintf("%+q was answered %v", letter.Text, o))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return sent, refused
}

// differences says where an export is not what was sent.
func differences(sent map[string]string, stored []rig.Message, sheet [][]string) (all []string) {
	wrong := func(how, call, got string) {
		all = append(all, fmt.Sprintf("%s: %s was sent as %+q and is %+q", how, call, sent[call], got))
	}
	for _, m := range stored {
		if text, ok := sent[m.CallID]; !ok || text != m.Text {
			wrong("JSON", m.CallID, m.Text)
		}
	}
	column := map[string]int{}
	for i, name := range sheet[0] {
		column[name] = i
	}
	for _, row := range sheet[1:] {
		// encoding/csv reads CR LF as LF, also inside quotes; a value that a
		// spreadsheet would run stands behind an apostrophe.
		call, got := row[column["call_id"]], row[column["text"]]
		want := strings.ReplaceAll(sent[call], "\r\n", "\n")
		if got != want && got != "'"+want {
			wrong("CSV", call, got)
		}
	}
	if len(stored) != len(sent) || len(sheet)-1 != len(sent) {
		all = append(all, fmt.Sprintf("%d were acknowledged, %d are in the JSON, %d in the CSV", len(sent), len(stored), len(sheet)-1))
	}
	return all
}

// scribble is a text of 1 to 60 characters out of all that a message may hold:
// of every plane, with joiners, direction marks, quotes and line ends.
func scribble(chance *rand.Rand) string {
	var text strings.Builder
	text.WriteByte("aZ9"[chance.IntN(3)]) // so that it is not blank
	for range chance.IntN(60) {
		text.WriteRune(character(chance))
	}
	return text.String()
}

func character(chance *rand.Rand) rune {
	odd := []rune("\t\n\r\"'\\,;=+-@<>&%{}$\u00a0\u200b\u200d\u200e\u202e\u2028\ufeff\ufffd")
	for {
		var r rune
		switch chance.IntN(6) {
		case 0:
			r = odd[chance.IntN(len(odd))]
		case 1:
			r = rune(0x20 + chance.IntN(0x5f))
		case 2:
			r = rune(0x4e00 + chance.IntN(0x5000))
		case 3:
			r = rune(0x1f300 + chance.IntN(0x700))
		case 4:
			r = rune(chance.IntN(0x10000))
		default:
			r = rune(chance.IntN(0x110000))
		}
		if permitted(r) {
			return r
		}
	}
}

// permitted: no halves of pairs, no noncharacters, no control characters but
// the three that a text needs.
func permitted(r rune) bool {
	switch {
	case r >= 0xd800 && r <= 0xdfff, r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
		return false
	case r == '\t', r == '\n', r == '\r':
		return true
	}
	return !unicode.IsControl(r)
}
