package contract

import (
	"strings"
	"testing"
	"time"
)

// syntax plays the rows about JSON.
func (p *player) syntax(t *testing.T, w *world) {
	gets := func(title string, number int, status int, body string, bodies ...string) {
		p.row(t, number, title, func(t *testing.T) {
			for _, b := range bodies {
				a := w.leave(t, w.leaving().saying(b))
				if status == 400 {
					gate(t, a, status)
				} else {
					is(t, a, status, body)
				}
				if t.Failed() {
					t.Fatalf("that was %.120q", b)
				}
			}
		})
	}
	more := func(field string) string {
		good := w.letter("", "")
		return good[:len(good)-1] + "," + field + "}"
	}
	text := func(inside string) string { return w.letter("leaveMessage", `json:"`+inside+`"`) }

	gets("not JSON at all", 27, 400, "", "", " ", "{", "{'a':1}", `{"callId":"1",}`, "{/*x*/}", "{//x\n}", `{"a":NaN}`, `{"a":01}`, `{"a":+1}`,
		`{"a":"`+"\t"+`"}`, `{"a":"\x"}`, `{"callId" "1"}`, "callId=1&caller=2")
	gets("another thing than an object", 28, 400, "", "null", "[]", "["+w.letter("", "")+"]", `"x"`, "1", "true")
	gets("something behind the object", 29, 400, "", w.letter("", "")+" xx", w.letter("", "")+w.letter("", ""), w.letter("", "")+",", w.letter("", "")+"\x00")
	gets("a key twice, also by escape", 30, 400, "", more(`"callId":"2"`), more(`"call\u0049d":"2"`), more(`"channel":"WEB"`), more(`"x":1,"x":1`), more(`"x":{"y":1,"y":2}`))
	gets("bytes that are not UTF-8", 31, 400, "", text("\xff"), text("caf\xe9"), text("\xc0\xaf"), text("\xe0\x80\xaf"), text("\xed\xa0\xbd\xed\xb8\x80"), text("\xf4\x90\x80\x80"),
		more("\"\xff\":1"), "\xff\xfe{\x00}\x00")
	gets("half of a surrogate pair", 32, 400, "", text(`\ud800`), text(`cut \ud83d`), text(`\udc00\ud800`), text(`\ud83dx`), more(`"x":"\ud800"`))
	p.row(t, 33, "a BOM", func(t *testing.T) {
		is(t, w.leave(t, w.leaving().saying("\ufeff"+w.letter("", ""))), 200, stored)
		gate(t, w.leave(t, w.leaving().saying("\ufeff\ufeff"+w.letter("", ""))), 400)
	})
	p.row(t, 34, "nesting 20,000 deep", func(t *testing.T) {
		deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
		objects := strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000)
		for _, body := range []string{more(`"x":` + deep), w.letter("callId", "json:"+deep), more(`"x":` + objects), deep} {
			best := time.Hour
			for range 10 { // the machine may be busy; the server need not be slow
				start := time.Now()
				gate(t, w.leave(t, w.leaving().saying(body)), 400)
				best = min(best, time.Since(start))
			}
			if best > 5*time.Millisecond {
				t.Errorf("refused in %v at best, want less than 5 ms", best)
			}
		}
	})
	gets("fields that nobody asked for", 35, 200, stored, more(`"__proto__":{"admin":true}`), more(`"tenantId":2,"status":"closed","admin":true,"id":1`),
		more(`"constructor":null,"receivedAt":"1970-01-01T00:00:00Z","reqBody":{}`), more(`"":""`))
	gets("numbers that no machine holds, in unknown fields", 36, 200, stored, more(`"x":1e400`), more(`"x":-1e-400`), more(`"x":`+strings.Repeat("9", 60<<10)))
	gets("names that look like ours", 37, 200, badValues,
		strings.Replace(w.letter("", ""), `"callId"`, `"CALLID"`, 1), strings.Replace(w.letter("", ""), `"callId"`, `"callid"`, 1),
		strings.Replace(w.letter("", ""), `"leaveMessage"`, `"leaveMe\u017fsage"`, 1), strings.Replace(w.letter("", ""), `"leaveMessage"`, `"leaveMe`+"\u017f"+`sage"`, 1),
		strings.Replace(w.letter("", ""), `"caller"`, `"caller "`, 1), strings.Replace(w.letter("", ""), `"caller"`, `"\u0063\u0061ller\u200b"`, 1))
	var kinds []string
	for _, value := range []string{"json:111111222111", "json:true", "json:{}", `json:["1"]`, "json:1.0", "json:null"} {
		for _, field := range []string{"callId", "caller", "leaveMessage", "channel"} {
			kinds = append(kinds, w.letter(field, value))
		}
	}
	gets("a value that is not a string", 38, 200, badValues, kinds...)
	var none []string
	for _, value := range []string{"-", "json:null", "", " ", "\t\n", "\u00a0", "\u3000\u2003"} {
		for _, field := range []string{"callId", "caller", "leaveMessage", "channel"} {
			none = append(none, w.letter(field, value))
		}
	}
	gets("one of the four missing, null, empty or blank", 39, 200, badValues, append(none, "{}")...)
}
