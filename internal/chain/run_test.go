package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func line(caller, text string) string {
	return fmt.Sprintf(`{"callId":"111111222111","caller":%q,"leaveMessage":%q}`, caller, text)
}

func TestABacklogIsLeftAndEveryLineIsAccountedFor(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	backlog := "\ufeff" + strings.Join([]string{
		line("138", "one"),
		"",
		`{"callId":"1","caller":"139","leaveMessage":"two","channel":"WEB","userId":"u2","userName":"U","locale":"en","idempotencyKey":"mine"}`,
		`{"callId":"1","caller":"139"`,
		`{"callId":1,"caller":"139","leaveMessage":"x"}`,
		`{"callId":"1","caller":"139","leaveMessage":"x","colour":"red"}`,
		`{"callId":"1","caller":"139"}`,
		`["a"]`,
		`{"callId":"1","caller":"1","leaveMessage":"` + strings.Repeat("x", maxLine) + `"}`,
		`{"callId":"1","caller":"1","leaveMessage":"x","idempotencyKey":"a b"}`,
		line("140", "bad"),
		line("141", "last, without a line end"),
	}, "\r\n")
	invalid := map[int]string{}
	acked := map[int]string{}
	sum, err := c.Run(t.Context(), Backlog{
		Lines: strings.NewReader(backlog), User: visitor, Concurrency: 1,
		Report: func(r LineResult) {
			if r.Invalid != nil {
				invalid[r.Line] = r.Invalid.Error()
			} else if r.Outcome == Acked {
				acked[r.Line] = r.Key
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Summary{Acked: 3, Invalid: 7, Refused: map[string]int{"3 the leaveMessageParams is error.": 1}}, sum); diff != "" {
		t.Error(diff)
	}
	if sum.Failed() != 8 {
		t.Errorf("%d failed, want 8", sum.Failed())
	}
	for number, part := range map[int]string{
		4: "JSON", 5: "callId must be a text", 6: "no field colour", 7: "leaveMessage is missing",
		8: "a line is an object", 9: "longer than 256 KiB", 10: "visible ASCII",
	} {
		if !strings.Contains(invalid[number], part) {
			t.Errorf("line %d: %q, want %q", number, invalid[number], part)
		}
	}
	if got := slices.Sorted(maps.Keys(acked)); !slices.Equal(got, []int{1, 3, 12}) || acked[3] != "mine" || len(acked[1]) != 64 {
		t.Errorf("acknowledged %v", acked)
	}
	if s.stored[1]["key"] != "mine" {
		t.Errorf("stored %v", s.stored[1])
	}
}

func TestTheSameFileAgainStoresNothingTwice(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	// The second and the fourth line are the same: a customer who asked twice.
	backlog := strings.Join([]string{line("138", "a"), line("139", "b"), line("138", "c"), line("139", "b")}, "\n")
	run := func() Summary {
		sum, err := c.Run(t.Context(), Backlog{Lines: strings.NewReader(backlog), User: visitor})
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if sum := run(); sum.Acked != 4 || sum.Replayed != 0 {
		t.Errorf("first: %+v", sum)
	}
	backlog += "\n" + line("140", "new")
	if sum := run(); sum.Acked != 1 || sum.Replayed != 4 {
		t.Errorf("second: %+v", sum)
	}
	if n := s.counts().stored; n != 5 {
		t.Errorf("%d stored, want 5", n)
	}
}

func TestMessagesOfOneCallerKeepTheirOrder(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	var lines []string
	for i := range 200 {
		lines = append(lines, line(fmt.Sprintf("13%d", i%7), fmt.Sprintf("%04d", i)))
	}
	sum, err := c.Run(t.Context(), Backlog{Lines: strings.NewReader(strings.Join(lines, "\n")), User: visitor, Concurrency: 16})
	if err != nil || sum.Acked != 200 {
		t.Fatalf("%+v, %v", sum, err)
	}
	last := map[string]string{}
	for _, m := range s.stored {
		caller, text := m["caller"].(string), m["leaveMessage"].(string)
		if text < last[caller] {
			t.Errorf("caller %s: %s was left after %s", caller, text, last[caller])
		}
		last[caller] = text
	}
}

func TestDifferentLinesHaveDifferentKeys(t *testing.T) {
	base := Message{User: visitor, CallID: "1", Caller: "2", Text: "3", Channel: "WEB"}
	moved := base
	moved.CallID, moved.Caller = "12", ""
	other := base
	other.User.ChannelID = "2"
	keys := []string{
		derive(key, 1, base), derive(key, 2, base), derive("other", 1, base), derive(key, 1, moved), derive(key, 1, other),
	}
	slices.Sort(keys)
	if len(slices.Compact(keys)) != 5 {
		t.Error("two different lines share a key")
	}
	if again := derive(key, 1, base); !slices.Contains(keys, again) {
		t.Error("the same line has two keys")
	}
}

func TestARunEndsWhenTheServerRefusesTheApp(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, func(o *Options) { o.AppSecret = "guess" })
	sum, err := c.Run(t.Context(), Backlog{Lines: endless(), User: visitor, Concurrency: 2})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("ended with %v", err)
	}
	if sum.Acked != 0 || len(sum.Refused) != 1 || s.counts().issued > 4 {
		t.Errorf("%+v after %d wrong secrets", sum, s.counts().issued)
	}
}

func TestARunEndsWhenTheServerIsGone(t *testing.T) {
	s := serve(t)
	s.misbehave(func(call int, _ http.ResponseWriter, _ *http.Request) bool {
		if call == 10 {
			s.Listener.Close() // first, so that nobody connects again
			go s.CloseClientConnections()
		}
		return false
	})
	c, _ := s.client(t, func(o *Options) { o.Attempts = 1 })
	_, err := c.Run(t.Context(), Backlog{Lines: endless(), User: visitor, Concurrency: 2})
	if !errors.Is(err, ErrGone) {
		t.Errorf("ended with %v", err)
	}
}

func TestStoppingARunWaitsForWhatIsUnderWayAndCanBeResumed(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.misbehave(func(call int, _ http.ResponseWriter, _ *http.Request) bool {
		if call == 20 {
			cancel()
		}
		return false
	})
	c, _ := s.client(t, nil)
	sum, err := c.Run(ctx, Backlog{Lines: endless(), User: visitor, Concurrency: 4})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if sum.Unknown != 0 || sum.Acked < 20 || sum.Acked != s.counts().stored {
		t.Errorf("%+v, but %d stored", sum, s.counts().stored)
	}
}

func TestAStoppedRunDoesNotWaitForAReaderThatIsSilent(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		io.WriteString(w, line("138", "a")+"\n")
		cancel()
	}()
	if _, err := c.Run(ctx, Backlog{Lines: r, User: visitor}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestAStreamThatBreaksIsAnError(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	broken := errors.New("the disk is gone")
	sum, err := c.Run(t.Context(), Backlog{
		Lines: io.MultiReader(strings.NewReader(line("138", "a")+"\n"), failing{broken}), User: visitor,
	})
	if !errors.Is(err, broken) || sum.Acked != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestReasonsAreCountedInBoundedMemory(t *testing.T) {
	s := Summary{Refused: map[string]int{}}
	for i := range 10 * maxReasons {
		s.add(LineResult{Result: Result{Outcome: Refused, Code: fmt.Sprint(i)}})
	}
	if len(s.Refused) > maxReasons+1 || s.Failed() != 10*maxReasons {
		t.Errorf("%d reasons, %d refused", len(s.Refused), s.Failed())
	}
}

func TestTokensAreKeptForABoundedNumberOfUsers(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	for i := range 2 * maxUsers {
		c.slot(User{ID: fmt.Sprint(i)})
	}
	if n := len(c.users.slots); n > maxUsers {
		t.Errorf("%d tokens kept", n)
	}
}

// endless is a backlog that no test here should see the end of.
func endless() io.Reader {
	return strings.NewReader(strings.Repeat(line("138", "again")+"\n", 20_000))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzNoLinePanicsAndWhatIsTakenHasAKey(f *testing.F) {
	f.Add([]byte(line("138", "请回电")))
	f.Add([]byte(`{"callId":"1","caller":"2","leaveMessage":"\ud800"}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parse(raw, 1, key, visitor)
		if err == nil && (m.Key == "" || !visible(m.Key) || m.CallID == "" || m.Caller == "" || m.Text == "") {
			t.Errorf("%q was taken as %+v", raw, m)
		}
	})
}
