package desk_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestWhatIsFilledIntoADiallerStaysAValue(t *testing.T) {
	const evil = `a&to=1#x/../?y=%41 "<'@evil.example:1+1` + "\r\n\u202e王"
	for text, want := range map[string]string{
		"https://pbx.example.com/call?to={number}&agent={login}&thread={thread}": "https://pbx.example.com/call?to=%2B442079460958&agent=anna%40example.com&thread=7",
		"https://pbx.example.com/dial/{number}#{thread}":                         "https://pbx.example.com/dial/%2B442079460958#7",
		"http://10.0.0.7:8080/?n={number}&n={number}":                            "http://10.0.0.7:8080/?n=%2B442079460958&n=%2B442079460958",
		"sip:{number}@pbx.example.com":                                           "sip:+442079460958@pbx.example.com",
		"tel:{number}":                                                           "tel:+442079460958",
		"callto:{number}":                                                        "callto:+442079460958",
	} {
		d, err := desk.ParseDialler(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := d.Address(desk.Dialled{Number: "+442079460958", Login: "anna@example.com", Thread: 7}); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
		if d.Web() != strings.HasPrefix(text, "http") {
			t.Errorf("%s: a page is %v", text, d.Web())
		}
		plain, err := url.Parse(d.Address(desk.Dialled{Number: "1", Login: "1"}))
		if err != nil {
			t.Fatal(err)
		}
		bad, err := url.Parse(d.Address(desk.Dialled{Number: evil, Login: evil}))
		if err != nil || bad.Host != plain.Host || bad.Scheme != plain.Scheme || len(bad.Query()) != len(plain.Query()) || strings.ContainsAny(bad.String(), "\"<> \r\n") {
			t.Errorf("%s is led astray: %v, %v", text, bad, err)
		}
		if q := bad.Query().Get("agent"); q != "" && q != evil {
			t.Errorf("the login arrives as %q", q)
		}
	}
	if none, err := desk.ParseDialler(""); err != nil || none.Address(desk.Dialled{Number: "1"}) != "" {
		t.Error("no template is an address", err)
	}
}

func TestADiallerThatCouldLeadElsewhereIsRefusedWithTheReason(t *testing.T) {
	for text, why := range map[string]string{
		"javascript:alert({number})":                                        "must begin with https:",
		"data:text/html,{number}":                                           "must begin with https:",
		"HTTPS://pbx.example.com/{number}":                                  "must begin with https:",
		"/call?to={number}":                                                 "must begin with https:",
		"{number}":                                                          "must begin with https:",
		"https://pbx.example.com/call":                                      "lacks {number}",
		"https://pbx.example.com/call?to={caller}":                          "lacks {number}",
		"https://pbx.example.com/{number}?a={agent}":                        "in braces",
		"https://pbx.example.com/{number}}":                                 "in braces",
		"https://{number}.example.com/":                                     "its host",
		"https://pbx.example.com{login}/{number}":                           "its host",
		"https://{login}@pbx.example.com/{number}":                          "its host",
		"https://a:b@pbx.example.com/{number}":                              "its host",
		"https:///{number}":                                                 "its host",
		"https:{number}":                                                    "its host",
		"https://pbx.example.com/call to/{number}":                          "without spaces",
		"https://pbx.example.com/\u202e{number}":                            "plain characters",
		"https://pbx.example.com/\"{number}":                                "plain characters",
		"https://x.example/{number}" + strings.Repeat("a", desk.MaxDialler): "1,000",
	} {
		if _, err := desk.ParseDialler(text); desk.KindOf(err) != desk.Invalid || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "write it like https://pbx") {
			t.Errorf("%s: %v, want %q", text, err, why)
		}
	}
}
