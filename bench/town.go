package main

import (
	"fmt"
	"strings"
)

// town is who leaves the messages of a store in use, and what they say. A fifth
// as many callers as messages: each writes five times within some hours. The
// newest threads are open; in a small town all of them, so that its pages are as
// full as those of a large one.
type town struct {
	messages, callers, open int
}

// A block is a hundred callers whose messages come in between each other.
const (
	blockCallers  = 100
	eachWrites    = 5
	blockMessages = blockCallers * eachWrites
	namesakes     = 20 // callers of the same name
	leastOpen     = 200
)

func townOf(messages int) town {
	blocks := max(1, messages/blockMessages)
	t := town{messages: blocks * blockMessages, callers: blocks * blockCallers}
	t.open = min(t.callers, max(leastOpen, t.callers/20))
	return t
}

// caller is who leaves the n-th message.
func (t town) caller(n int) int {
	return n/blockMessages*blockCallers + n%blockMessages*37%blockCallers
}

// phone is a caller's number: a Chinese mobile, all digits of which differ.
func (t town) phone(caller int) string {
	return fmt.Sprintf("138%08d", (caller+1)*48_271_117%99_999_989)
}

const (
	families = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡"
	givens   = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明"
)

// name is a caller's name, which some of those who wrote at the same time share.
func (t town) name(caller int) string {
	family, given := []rune(families), []rune(givens)
	n := caller / namesakes
	return string([]rune{family[n%len(family)], given[n/len(family)%len(given)], given[n/len(family)/len(given)%len(given)]})
}

// order is the number that the n-th message is about.
func (t town) order(n int) string { return fmt.Sprint(20_000_000 + n) }

func (t town) text(n int) string {
	return strings.Replace(said[n%len(said)], "%d", t.order(n), 1)
}

// messageOf is a caller's first message.
func (t town) messageOf(caller int) int {
	return caller/blockCallers*blockMessages + caller%blockCallers*73%blockCallers // 37 × 73 ends in 01
}
