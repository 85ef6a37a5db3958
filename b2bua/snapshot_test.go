package b2bua

import (
	"reflect"
	"testing"
)

// TestStateIsPlainData: what a snapshot holds has no function, no channel and no pointer to anything but its own data.
func TestStateIsPlainData(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var check func(path string, typ reflect.Type)
	check = func(path string, typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Uintptr:
			t.Errorf("%s is a %s", path, typ)
		case reflect.Pointer, reflect.Slice, reflect.Array:
			check(path, typ.Elem())
		case reflect.Map:
			check(path, typ.Elem())
		case reflect.Struct:
			if _, ok := typ.MethodByName("MarshalBinary"); ok {
				return // it says itself what it is as data
			}
			for i := range typ.NumField() {
				f := typ.Field(i)
				if f.Tag.Get("cbor") == "-" {
					continue
				}
				if !f.IsExported() {
					if f.Type.Kind() != reflect.Pointer && f.Type.Kind() != reflect.Struct {
						t.Errorf("%s.%s would be lost", path, f.Name)
					}
					continue // resolved again by Restore
				}
				check(path+"."+f.Name, f.Type)
			}
		}
	}
	check("State", reflect.TypeFor[State]())
	if len(seen) < 15 {
		t.Errorf("only %d types looked at", len(seen))
	}
}

// TestEveryEventAndEffectHasAName: the tables are whole.
func TestEveryEventAndEffectHasAName(t *testing.T) {
	for _, ev := range []Event{Invite{}, Progress{}, Answer{}, Failure{}, Reinvite{}, Message{}, Refer{}, Hangup{}, Timer{}, MediaNews{}, Limit{}, Ended{}} {
		if EventName(ev) == "" {
			t.Errorf("event %T has no name", ev)
		}
	}
	for _, e := range []Effect{Dial{}, Ring{}, Accept{}, Reject{}, End{}, Send{}, Alarm{}, Follow{}, Watch{}, ChooseTransfer{}, Originate{}, Move{}} {
		name := EffectName(e)
		if name == "" || reflect.TypeOf(NewEffect(name)).Elem() != reflect.TypeOf(e) {
			t.Errorf("effect %T has no name, or the name another type", e)
		}
	}
	if EventName(struct{}{}) != "" || NewEffect("nothing") != nil {
		t.Error("a name for nothing")
	}
}

// TestRestoreRefuses: what is no snapshot of this version is an error, never a call.
func TestRestoreRefuses(t *testing.T) {
	l := &Local{Advertise: "x"}
	s, err := New(Config{Sides: []*Side{{Name: "a", Locals: []*Local{l}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{nil, {0xff}, []byte("not cbor"), {0xa0}} {
		if s.Restore(data, false) == nil {
			t.Errorf("%q was restored", data)
		}
	}
	old, _ := encoder.Marshal(snapshot{Version: snapshotVersion + 1, State: &State{}})
	elsewhere, _ := encoder.Marshal(snapshot{Version: snapshotVersion, State: &State{Legs: []*Leg{{Side: "b"}}}})
	for _, data := range [][]byte{old, elsewhere} {
		if err := s.Restore(data, false); err == nil {
			t.Errorf("%q was restored", data)
		}
	}
	if s.Active() != 0 {
		t.Error("a call came of it")
	}
}
