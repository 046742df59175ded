package main

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// A thread as JSON has what the pages know. A field that is new to the domain fails
// here until somebody has decided about it.
func TestAThreadAsJSONHasEverythingThatIsKnownOfIt(t *testing.T) {
	unshown := map[string]bool{"CallerKey": true, "Given": true} // how callers are compared, and whether a claim's end takes it away
	var th desk.Thread
	v := reflect.ValueOf(&th).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Type() == reflect.TypeFor[time.Time]():
			f.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, i*1000, time.UTC)))
		case f.Kind() == reflect.String:
			f.SetString("text of " + v.Type().Field(i).Name)
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		default:
			f.SetInt(int64(100 + i))
		}
	}
	n := names{tenant: "default", people: map[desk.PersonID]desk.Person{th.Owner: {Name: "Ann"}}}
	shown := func(th desk.Thread) string {
		var b bytes.Buffer
		if err := printJSON(&b, n.thread(th)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	whole := shown(th)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		less := th
		reflect.ValueOf(&less).Elem().Field(i).SetZero()
		if told := shown(less) != whole; told == (unshown[name] || name == "Tenant") {
			t.Errorf("%s is told: %t\n%s", name, told, whole)
		}
	}
	if got := objects(t, whole)[0]; got["owner_name"] != "Ann" {
		t.Error(whole)
	}
	if got := objects(t, shown(desk.Thread{}))[0]; got["owner"] != "" || got["due_at"] != "" || got["previous"] != "" || len(got) != len(objects(t, whole)[0]) {
		t.Errorf("what is not there is not empty: %v", got)
	}
}
