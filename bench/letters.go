package main

import (
	"encoding/json"
	"fmt"
)

// What people really say, in both languages, between 20 and 200 bytes.
var said = []string{
	"Please call me back about order %d, it has not arrived yet.",
	"您好，我的订单 %d 还没有收到，请尽快回电，谢谢。",
	"The invoice %d is wrong: I was charged twice. My number is on the account.",
	"退款申请 %d 已经提交三天了，一直没有人联系我，麻烦处理一下。",
	"Nobody answered. I will be at this number until six. Reference %d.",
	"你们的客服一直占线。请在下午两点以后打给我，单号 %d，非常着急！",
	"Can somebody help me to change the delivery address of %d? Thank you.",
	"想咨询一下套餐 %d 的价格，方便的时候请回电 😀",
}

// letter is the n-th message: of one of a million callers, each of whom calls
// again after a million others.
func letter(n int) (callID, caller, text string) {
	return fmt.Sprintf("call%011d", n), fmt.Sprintf("138%08d", n*7919%1_000_003), fmt.Sprintf(said[n%len(said)], n)
}

// requests are whole doLeaveMessage requests, ready to be sent.
func requests(host, access, appKey, chat string, count int) ([][]byte, error) {
	all := make([][]byte, count)
	for i := range all {
		callID, caller, text := letter(i)
		body, err := json.Marshal(struct {
			CallID       string `json:"callId"`
			Caller       string `json:"caller"`
			LeaveMessage string `json:"leaveMessage"`
			Channel      string `json:"channel"`
		}{callID, caller, text, "WEB"})
		if err != nil {
			return nil, err
		}
		all[i] = fmt.Appendf(nil, "POST /apiaccess/ccmessaging/doLeaveMessage HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
			"Authorization: Bearer %s\r\nx-app-key: %s\r\nccmessaging-token: %s\r\nContent-Length: %d\r\n\r\n%s",
			host, access, appKey, chat, len(body), body)
	}
	return all, nil
}
