package main

import "testing"

func TestEverybodyInATownWritesFiveTimesFromOneNumber(t *testing.T) {
	for _, messages := range []int{1000, 20_000} {
		town := townOf(messages)
		wrote, first := map[int]int{}, map[int]int{}
		for n := range town.messages {
			c := town.caller(n)
			if wrote[c] == 0 {
				first[c] = n
			}
			wrote[c]++
		}
		phones, names := map[string]bool{}, map[string]int{}
		for c := range town.callers {
			if wrote[c] != eachWrites || town.messageOf(c) != first[c] {
				t.Fatalf("of %d messages caller %d wrote %d, the first %d, not %d", messages, c, wrote[c], first[c], town.messageOf(c))
			}
			if phone := town.phone(c); len(phone) != 11 || phones[phone] {
				t.Fatalf("%s is no number, or another's", phone)
			}
			phones[town.phone(c)] = true
			names[town.name(c)]++
		}
		for name, n := range names {
			if n != namesakes {
				t.Fatalf("%d are called %s", n, name)
			}
		}
	}
}

func TestASmallTownHasFullPagesAndALargeOneManyThatAreClosed(t *testing.T) {
	for messages, open := range map[int]int{1000: 200, 10_000: 200, 1_000_000: 10_000} {
		if town := townOf(messages); town.open != open || town.messages != messages {
			t.Errorf("of %d messages %d threads are open, want %d", town.messages, town.open, open)
		}
	}
}
