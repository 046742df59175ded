package ui

import (
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// What is rendered for one is given to others who see the same, and to nobody
// else: each of them sees what would have been rendered for her alone.
func TestARowThatIsSharedIsWhatEachWouldSeeAlone(t *testing.T) {
	var all []*visit
	now := time.Date(2026, 11, 23, 16, 30, 0, 0, time.UTC)
	for _, code := range languages() {
		lang, err := learn(code, func(name string) string { return name })
		if err != nil {
			t.Fatal(err)
		}
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("UTC+8", 8*60*60)} {
			for _, role := range desk.Roles() {
				for _, person := range []desk.PersonID{3, 4} {
					for _, later := range []time.Duration{0, time.Hour} {
						all = append(all, &visit{
							lang: lang, zone: zone, now: now.Add(later), me: &desk.Person{ID: person},
							actor: desk.Actor{Tenant: 1, Person: person, Role: role},
						})
					}
				}
			}
		}
	}
	names := &roll{person: map[desk.PersonID]*desk.Person{3: {ID: 3, Name: "Ann"}}}
	thread := desk.Thread{
		Tenant: 1, ID: 7, Channel: 8, Caller: "+442079460958", CallerKey: "+442079460958", Excerpt: "please call", State: desk.Waiting,
		Owner: 3, WakeAt: now.Add(9 * time.Hour), FirstAt: now.Add(-time.Hour), LastAt: now.Add(-time.Minute),
	}
	shared, different := &faces{}, map[string]bool{}
	for range 2 { // the second time, most of them were seen before
		for _, v := range all {
			alone, err := v.face(&thread, &faces{}, names)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.face(&thread, shared, names)
			if err != nil || got != alone {
				t.Fatalf("%s, %s, %s at %v sees (%v)\n%s\nand not\n%s", v.lang.code, v.zone, v.actor.Role, v.now, err, got.html, alone.html)
			}
			different[got.html] = true
		}
	}
	if len(different) < 16 {
		t.Errorf("only %d rows were different: nothing could have been confused", len(different))
	}
}
