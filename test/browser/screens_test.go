package browser

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/people"
)

// used fills the desk with what a day brings.
func (w *world) used() (ids []desk.ID) {
	w.t.Helper()
	say := func(channel desk.ChannelID, caller, name, locale, text string) {
		ids = append(ids, w.leave(channel, caller, name, locale, text))
	}
	say(wechat, "13866667777", "李伟", "zh_CN", "你好，我上周买的电饭煲加热不均匀，想问问能不能换一台。下午三点以后方便接电话，谢谢！")
	say(website, "+44 20 7946 0958", "Emily Carter", "en_GB", "Hello, my order arrived with the wrong charger (EU plug instead of UK). Could someone call me back after 5 pm? I'm in all evening.")
	say(wechat, "138****7777", "陈静", "zh_CN", "发票抬头开错了，应该是“杭州云和贸易有限公司”，麻烦重开一张。")
	say(website, "+351 21 123 4567", "Tomás Ferreira", "en_US", "Hi! The tracking page has said \"in transit\" for nine days now. Is the parcel lost? I need it before Friday.")
	say(wechat, "13866667777", "李伟", "zh_CN", "补充一下，订单号是 20260114-8821，电饭煲型号 RC-40。")
	say(wechat, "010-6552 1234", "王芳", "zh_CN", "我想给公司订 30 台净水器，请销售联系我，最好今天之内 🙏")
	say(website, "+44 7911 123456", "Priya Nair", "en_GB", "Please cancel my subscription before it renews tomorrow. I tried the website twice and it only shows an error.")
	say(website, "+44 7911 123456", "Priya Nair", "en_GB", "Please cancel my subscription before it renews tomorrow. I tried the website twice and it only shows an error.")
	say(wechat, "13912345678", "周建国", "zh_CN", "客服电话一直占线，给我回个电话吧。我妈妈不会用手机支付，想问能不能货到付款。")
	say(website, "+1 212 736 5000", "سارة", "ar_EG", "مرحبا، أريد تغيير عنوان التسليم قبل يوم الجمعة من فضلكم. شكرا!")
	say(website, "+49 30 901820", "Jürgen Weiß", "de_DE", "Guten Tag, die Rechnung 4411 wurde doppelt abgebucht. Bitte um Rückruf vormittags.")
	a := w.actor("anna")
	th, err := w.desk.Claim(w.t.Context(), a, ids[0], 0)
	w.must(err)
	_, err = w.desk.Call(w.t.Context(), a, ids[0], th.Version, handling.Call{Outcome: desk.NoAnswer, Note: "Rang eight times. Try after three, as he asked."})
	w.must(err)
	_, err = w.desk.Claim(w.t.Context(), w.actor("bo"), ids[3], 0)
	w.must(err)
	_, err = w.desk.Claim(w.t.Context(), a, ids[6], 0)
	w.must(err)
	w.must(w.desk.Note(w.t.Context(), a, ids[6], "Account 88-120; renewal stopped in billing, she still wants a confirmation."))
	_, err = w.desk.Snooze(w.t.Context(), w.actor("sofia"), ids[9], 0, time.Now().Add(3*time.Hour))
	w.must(err)
	_, err = w.desk.Close(w.t.Context(), a, ids[10], 0, "Refunded; told her by telephone.")
	w.must(err)
	return ids
}

// audited does some of what is in the audit log; bo administers afterwards.
func (w *world) audited(thread desk.ID) {
	w.t.Helper()
	operator := people.Operator(1)
	a := w.actor("admin")
	a.Address = "192.0.2.7"
	_, err := w.staff.Change(w.t.Context(), &a, desk.Whom{Login: "sofia"}, func(p *desk.Person) { p.Name, p.Channels = "Sofia D. Reis", []desk.ChannelID{website, wechat} })
	w.must(err)
	for _, role := range []desk.Role{desk.RoleSupervisor, desk.RoleAdministrator} {
		_, err = w.staff.Change(w.t.Context(), &operator, desk.Whom{Login: "bo"}, func(p *desk.Person) { p.Role = role })
		w.must(err)
	}
	w.must(w.staff.Audit(w.t.Context(), w.Store, &a, people.Done{Action: desk.NumberShown, Object: "thread:" + thread.String()}))
	w.must(w.staff.Audit(w.t.Context(), w.Store, &a, people.Done{Action: desk.Exported, Object: "messages", Data: map[string]any{"format": "csv", "numbers": true, "searched": true, "channel": website.String()}}))
	w.visitor("").expect("/sign-in", url.Values{"login": {"anna"}, "password": {"a guess"}}, 401, "")
}

func TestScreensArePicturesToLookAt(t *testing.T) {
	if os.Getenv("AFTERBEEP_SCREENSHOTS") == "" {
		return // nobody wants to look; that the pages work is for the other tests
	}
	w := newWorld(t)
	empty := w.tab("admin", desktop)
	empty.open("/")
	empty.shoot("empty")
	ids := w.used()
	w.audited(ids[0])
	for name, c := range map[string]struct {
		login, path string
		look
	}{
		"inbox-zh":            {"bo", "/?view=all", desktop},
		"inbox-zoom-200":      {"sofia", "/?view=all", zoomed},
		"inbox-rtl":           {"sofia", "/?view=all", mirrored},
		"thread-rtl":          {"sofia", "/thread/" + ids[0].String() + "?view=all", mirrored},
		"thread-rtl-phone":    {"anna", "/thread/" + ids[6].String() + "?view=all", look{width: 390, height: 844, scale: 2, touch: true, mirrored: true}},
		"people-zoom-200":     {"admin", "/settings/people", zoomed},
		"people-phone":        {"admin", "/settings/people", phone},
		"own-phone":           {"anna", "/settings", phone},
		"signin-zh-dark":      {"", "/sign-in?lang=zh_CN", phoneNight},
		"inbox-light":         {"anna", "/?view=all", desktop},
		"thread-light":        {"anna", "/thread/" + ids[6].String() + "?view=all&did=claim", desktop},
		"thread-super":        {"sofia", "/thread/" + ids[0].String() + "?view=all", desktop},
		"thread-dark":         {"sofia", "/thread/" + ids[6].String() + "?view=all", night},
		"thread-zh":           {"bo", "/thread/" + ids[3].String() + "?view=all", desktop},
		"inbox-phone":         {"anna", "/?view=all", phone},
		"inbox-phone-dark-zh": {"bo", "/?view=unclaimed", phoneNight},
		"zoom-200":            {"sofia", "/thread/" + ids[0].String() + "?view=all", zoomed},
		"thread-phone":        {"anna", "/thread/" + ids[6].String() + "?view=all", phone},
		"search":              {"anna", "/search?q=&view=all", desktop},
		"mine":                {"anna", "/?view=mine", desktop},
		"keys":                {"anna", "/keys", desktop},
		"print":               {"anna", "/thread/" + ids[6].String() + "/print", desktop},
		"signin":              {"", "/sign-in", desktop},
		"own":                 {"anna", "/settings", desktop},
		"own-dark-zh":         {"bo", "/settings", night},
		"people":              {"admin", "/settings/people", desktop},
		"person":              {"admin", "/settings/people/2", desktop},
		"api-keys":            {"admin", "/settings/keys", desktop},
		"channels":            {"admin", "/settings/channels", desktop},
		"apps":                {"admin", "/settings/apps", desktop},
		"audit":               {"audit", "/settings/audit", desktop},
		"audit-night-zh":      {"bo", "/settings/audit?action=person.changed", night},
		"audit-phone":         {"audit", "/settings/audit", phone},
		"audit-phone-dark-zh": {"bo", "/settings/audit", phoneNight},
		"missing-light":       {"anna", "/thread/1", desktop},
	} {
		b := w.tab(c.login, c.look)
		b.open(c.path)
		b.as(c.look)
		b.shoot(name)
	}
}
