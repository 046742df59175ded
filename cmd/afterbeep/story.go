package main

import (
	"fmt"

	"github.com/afterbeep/afterbeep/internal/chain"
)

// visitor is one customer of the demo.
type visitor struct {
	id, name, locale, caller, text string
}

// visitors are people as they are: two write twice or in a hurry, one hides his
// number, one uses an emoji.
func visitors() []visitor {
	return []visitor{
		{"wx-20931", "李伟", "zh_CN", "13866667777", "你好，我上周买的电饭煲加热不均匀，想问问能不能换一台。下午三点以后方便接电话，谢谢！"},
		{"web-7741", "Emily Carter", "en_GB", "+44 20 7946 0958", "Hello, my order arrived with the wrong charger (EU plug instead of UK). Could someone call me back after 5 pm? I'm in all evening."},
		{"wx-11820", "陈静", "zh_CN", "138****7777", "发票抬头开错了，应该是“杭州云和贸易有限公司”，麻烦重开一张。"},
		{"web-7752", "Tomás Ferreira", "en_US", "+351 21 123 4567", "Hi! The tracking page has said \"in transit\" for nine days now. Is the parcel lost? I need it before Friday."},
		{"wx-20931", "李伟", "zh_CN", "13866667777", "补充一下，订单号是 20260114-8821，电饭煲型号 RC-40。"},
		{"wx-33408", "王芳", "zh_CN", "010-6552 1234", "我想给公司订 30 台净水器，请销售联系我，最好今天之内 🙏"},
		{"web-7760", "Priya Nair", "en_GB", "07700 900123", "Please cancel my subscription before it renews tomorrow. I tried the website twice and it only shows an error."},
		{"wx-40017", "周建国", "zh_CN", "13912345678", "客服电话一直占线，给我回个电话吧。我妈妈不会用手机支付，想问能不能货到付款。"},
	}
}

// curlLines are the three calls, ready to paste into any POSIX shell; jq is not
// needed.
func curlLines(base string, f foundation) string {
	const field = `sed -n 's/.*"%s" *: *"\([^"]*\)".*/\1/p'`
	access, token := fmt.Sprintf(field, "AccessToken"), fmt.Sprintf(field, "token")
	return fmt.Sprintf(`ACCESS=$(curl -s %[1]s -H 'Content-Type: application/json' -d '{"app_key":"%[4]s","app_secret":"%[5]s"}' | %[7]s)
TOKEN=$(curl -s %[2]s -H 'Content-Type: application/json' -H 'x-app-key: %[4]s' -H "Authorization: Bearer $ACCESS" -d '{"userId":"web-1","userName":"Me","channelId":"%[6]s","locale":"en_GB"}' | %[8]s)
curl -si %[3]s -H 'Content-Type: application/json' -H 'x-app-key: %[4]s' -H "Authorization: Bearer $ACCESS" -H "ccmessaging-token: $TOKEN" -d '{"callId":"web-1","caller":"138****7777","leaveMessage":"Please reply","channel":"WEB"}'`,
		quote(base+chain.TokenPath), quote(base+chain.ApplyPath), quote(base+chain.LeavePath),
		f.key, f.secret, f.channel, access, token)
}
