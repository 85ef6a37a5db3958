package dict

import (
	"testing"

	"github.com/fiorix/go-diameter/v4/diam/datatype"
)

func TestTypesAreKeyedByVendorAndCode(t *testing.T) {
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		app  uint32
		key  Key
		want datatype.TypeID
	}{
		{"session id in base", Base, Key{0, SessionID}, datatype.UTF8StringType},
		{"session id in Sh", Sh, Key{0, SessionID}, datatype.UTF8StringType},
		{"IETF 650 is Load", Sh, Key{0, Load}, datatype.GroupedType},
		{"3GPP 650 is Session-Priority", Sh, Key{Vendor3GPP, SessionPriority}, datatype.EnumeratedType},
		{"Failed-AVP stays bytes", Sh, Key{0, FailedAVP}, datatype.OctetStringType},
		{"External-Identifier", Sh, Key{Vendor3GPP, ExternalIdentifier}, datatype.UTF8StringType},
		{"Expiry-Time", Sh, Key{Vendor3GPP, ExpiryTime}, datatype.TimeType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := d.Type(tt.app, tt.key)
			if !ok || got != tt.want {
				t.Errorf("Type(%d, %v) = %v, %v; want %v", tt.app, tt.key, got, ok, tt.want)
			}
		})
	}
	for _, unknown := range []Key{{0, 601}, {Vendor3GPP, 263}, {9, 700}, {0, 999}} {
		if _, ok := d.Type(Sh, unknown); ok {
			t.Errorf("Type(Sh, %v) is known", unknown)
		}
	}
}

func TestEveryShCommandHasRules(t *testing.T) {
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for code, short := range map[uint32]string{306: "UD", 307: "PU", 308: "SN", 309: "PN"} {
		name, ok := d.Command(Sh, code)
		if !ok || name != short {
			t.Errorf("Command(Sh, %d) = %q, %v; want %q", code, name, ok, short)
		}
		// The codec refuses a command without rules, whatever the message holds.
		c, err := d.Parser().FindCommand(Sh, code)
		if err != nil || len(c.Request.Rule) == 0 || len(c.Answer.Rule) == 0 {
			t.Errorf("command %s has no rules: %v", short, err)
		}
		for _, r := range append(c.Request.Rule, c.Answer.Rule...) {
			if _, err := d.Parser().FindAVP(Sh, r.AVP); err != nil {
				t.Errorf("%s names an AVP that is not defined: %s", short, r.AVP)
			}
		}
	}
	if _, ok := d.Command(Sh, CapabilitiesExchange); ok {
		t.Error("a base command is known in application Sh")
	}
}
