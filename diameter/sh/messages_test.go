package sh

import (
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// wire sends a message through the codec and returns what the other side gets.
func wire(t *testing.T, command uint32, fill func(*diam.Message) error) *diam.Message {
	t.Helper()
	cfg := diameter.DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm = "as.ims.example", "ims.example"
	e, err := diameter.New(cfg, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := e.NewRequest(dict.Sh, command, diameter.Route{Realm: "ims.example", Host: "hss.ims.example"})
	if err := fill(m); err != nil {
		t.Fatal(err)
	}
	m.Header.MessageLength = uint32(m.Len())
	b, err := m.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	got, err := diam.ReadMessage(strings.NewReader(string(b)), m.Dictionary())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEveryAVPOfUDRCrossesTheWire(t *testing.T) {
	want := &UDR{
		Host: "hss.ims.example", Identity: Identity{Public: "sip:a@x"}, Wildcards: Wildcards{PSI: "sip:w!.*!@x"},
		References: []Reference{RefRepositoryData, RefUserState, RefDSAI}, ServerName: "sip:as@x",
		ServiceIndications: []string{"one", "two"}, IdentitySets: []IdentitySet{RegisteredIdentities, AliasIdentities},
		RequestedDomain: ptr(PS), CurrentLocation: ptr(ActiveLocation), DSAITags: []string{"t1", "t2"},
		SessionPriority: ptr(Priority(2)), PrivateIdentity: "a@x", RequestedNodes: NodeMME | NodeAMF, OnlyServingNodes: true,
		PrePaging: true, LocalTimeZone: ptr(TimeZoneAndPlace), Flags: 3,
		CallReference: &CallReference{[]byte{1, 2}, []byte{3}},
		Features:      []Features{{Vendor: 10415, ListID: 1, List: NotifEff | UpdateEff, Insist: true}},
	}
	got, err := ParseUDR(wire(t, dict.UserDataCommand, want.append))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for i, v := 0, reflect.ValueOf(*want); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the test leaves %s out", v.Type().Field(i).Name)
		}
	}
}

func TestEveryAVPOfSNRCrossesTheWire(t *testing.T) {
	want := &SNR{
		Host: "hss.ims.example", Identity: Identity{Public: "sip:a@x"}, Wildcards: Wildcards{IMPU: "sip:w!.*!@x"},
		References: []Reference{RefRepositoryData, RefDSAI}, Unsubscribe: true, ServiceIndications: []string{"one"}, SendData: true,
		ServerName: "sip:as@x", IdentitySets: []IdentitySet{ImplicitIdentities}, Expiry: time.Unix(1_900_000_000, 0),
		DSAITags: []string{"t"}, OneTime: true, PrivateIdentity: "a@x", Features: []Features{ShFeatures(NotifEff)},
	}
	got, err := ParseSNR(wire(t, dict.SubscribeNotifications, want.append))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestExpiryTimeAfter2036(t *testing.T) {
	want := time.Date(2041, 5, 6, 7, 8, 9, 0, time.UTC)
	q := &SNR{Identity: Public("sip:a@x"), References: []Reference{RefIMSUserState}, Expiry: want}
	got, err := ParseSNR(wire(t, dict.SubscribeNotifications, q.append))
	if err != nil || !got.Expiry.Equal(want) {
		t.Errorf("%v, %v; want %v", got.Expiry, err, want)
	}
}

func TestPURAndPNRCrossTheWire(t *testing.T) {
	data := &Data{Repository: []RepositoryData{{"s", 3, RawXML("<a/>")}}}
	pur := &PUR{Host: "hss.ims.example", Identity: Public("sip:a@x"), References: []Reference{RefRepositoryData}, PrivateIdentity: "a@x", Data: data,
		Features: []Features{ShFeatures(UpdateEff)}}
	gotPUR, err := ParsePUR(wire(t, dict.ProfileUpdate, pur.append))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(pur, gotPUR); d != "" {
		t.Error(d)
	}
	pnr := &PNR{Identity: Identity{MSISDN: "15551234567"}, PrivateIdentity: "a@x", Data: data, Host: "as.ims.example"}
	gotPNR, err := ParsePNR(wire(t, dict.PushNotification, pnr.Append))
	if err != nil {
		t.Fatal(err)
	}
	gotPNR.XML = nil
	if d := cmp.Diff(pnr, gotPNR); d != "" {
		t.Error(d)
	}
}

func TestTable(t *testing.T) {
	pub, num, ext := Public("sip:a@x"), Identity{MSISDN: "1"}, Identity{External: "a@x"}
	tests := []struct {
		name string
		q    interface{ check() error }
		want *Error
	}{
		{"repository", &UDR{Identity: pub, References: []Reference{RefRepositoryData}, ServiceIndications: []string{"s"}}, nil},
		{"repository without service", &UDR{Identity: pub, References: []Reference{RefRepositoryData}}, &Error{Code: 5005}},
		{"repository by MSISDN", &UDR{Identity: num, References: []Reference{RefRepositoryData}, ServiceIndications: []string{"s"}},
			&Error{Experimental: true, Code: OperationNotAllowed}},
		{"iFC without server name", &UDR{Identity: pub, References: []Reference{RefInitialFilterCriteria}}, &Error{Code: 5005}},
		{"user state without domain", &UDR{Identity: num, References: []Reference{RefUserState}}, &Error{Code: 5005}},
		{"location by external identifier", &UDR{Identity: ext, References: []Reference{RefLocationInformation}}, nil},
		{"TADS by external identifier", &UDR{Identity: ext, References: []Reference{RefTADSInformation}},
			&Error{Experimental: true, Code: OperationNotAllowed}},
		{"DSAI without tag", &UDR{Identity: pub, References: []Reference{RefDSAI}, ServerName: "sip:as"}, &Error{Code: 5005}},
		{"STN-SR without private identity", &UDR{Identity: pub, References: []Reference{RefSTNSR}}, &Error{Code: 5005}},
		{"no reference", &UDR{Identity: pub}, &Error{Code: 5005}},
		{"no identity", &UDR{References: []Reference{RefIMSI}}, &Error{Code: 5005}},
		{"two identities", &UDR{Identity: Identity{Public: "sip:a", MSISDN: "1"}, References: []Reference{RefIMSI}}, &Error{Code: 5007}},
		{"reserved reference", &UDR{Identity: pub, References: []Reference{20}}, &Error{Code: 5004}},
		{"reachability is only notified", &UDR{Identity: pub, References: []Reference{RefUEReachabilityForIP}},
			&Error{Experimental: true, Code: OperationNotAllowed}},
		{"reachability", &SNR{Identity: pub, References: []Reference{RefUEReachabilityForIP}, OneTime: true}, nil},
		{"reachability, not one-time", &SNR{Identity: pub, References: []Reference{RefUEReachabilityForIP}}, &Error{Code: 5005}},
		{"IMSI is not notified", &SNR{Identity: pub, References: []Reference{RefIMSI}}, &Error{Experimental: true, Code: OperationNotAllowed}},
		{"state is not written", &PUR{Identity: pub, References: []Reference{RefIMSUserState}}, &Error{Experimental: true, Code: OperationNotAllowed}},
		{"PSI activation is written", &PUR{Identity: pub, References: []Reference{RefPSIActivation}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.q.check()
			if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestErrorsByPlaceAndNumber(t *testing.T) {
	tests := []struct {
		e       *Error
		name    string
		action  Action
		unknown bool
	}{
		{&Error{Code: 5001}, "DIAMETER_AVP_UNSUPPORTED", ActionBug, false},
		{&Error{Experimental: true, Code: 5001}, "DIAMETER_ERROR_USER_UNKNOWN", ActionNotOurs, true},
		{&Error{Code: 5030}, "DIAMETER_USER_UNKNOWN", ActionNotOurs, true},
		{&Error{Experimental: true, Code: 5002}, "DIAMETER_ERROR_IDENTITIES_DONT_MATCH", ActionLog, false},
		{&Error{Code: 5008}, "DIAMETER_AVP_NOT_ALLOWED", ActionBug, false},
		{&Error{Experimental: true, Code: 5008}, "DIAMETER_ERROR_TOO_MUCH_DATA", ActionShrink, false},
		{&Error{Code: 5011}, "DIAMETER_UNSUPPORTED_VERSION", ActionBug, false},
		{&Error{Experimental: true, Code: 5011}, "DIAMETER_ERROR_FEATURE_UNSUPPORTED", ActionDropFeatures, false},
		{&Error{Code: 4100}, "DIAMETER_USER_DATA_NOT_AVAILABLE", ActionUseCached, false},
		{&Error{Experimental: true, Code: 4101}, "DIAMETER_PRIOR_UPDATE_IN_PROGRESS", ActionRetry, false},
		{&Error{Code: 5100}, "DIAMETER_ERROR_USER_DATA_NOT_RECOGNIZED", ActionBug, false},
		{&Error{Experimental: true, Code: 5101}, "DIAMETER_ERROR_OPERATION_NOT_ALLOWED", ActionBug, false},
		{&Error{Experimental: true, Code: 5102}, "DIAMETER_ERROR_USER_DATA_CANNOT_BE_READ", ActionConfigure, false},
		{&Error{Code: 5103}, "DIAMETER_ERROR_USER_DATA_CANNOT_BE_MODIFIED", ActionConfigure, false},
		{&Error{Experimental: true, Code: 5104}, "DIAMETER_ERROR_USER_DATA_CANNOT_BE_NOTIFIED", ActionPoll, false},
		{&Error{Code: 5105}, "DIAMETER_ERROR_TRANSPARENT_DATA_OUT_OF_SYNC", ActionReread, false},
		{&Error{Experimental: true, Code: 5106}, "DIAMETER_ERROR_SUBS_DATA_ABSENT", ActionCreate, false},
		{&Error{Experimental: true, Code: 5107}, "DIAMETER_ERROR_NO_SUBSCRIPTION_TO_DATA", ActionLog, false},
		{&Error{Experimental: true, Code: 5108}, "DIAMETER_ERROR_DSAI_NOT_AVAILABLE", ActionConfigure, false},
		{&Error{Code: 3002}, "DIAMETER_UNABLE_TO_DELIVER", ActionOtherPeer, false},
		{&Error{Code: 3004}, "DIAMETER_TOO_BUSY", ActionOtherPeer, false},
		{&Error{Code: 3007}, "DIAMETER_APPLICATION_UNSUPPORTED", ActionConfigure, false},
		{&Error{Code: 5012}, "DIAMETER_UNABLE_TO_COMPLY", ActionBackOff, false},
		{&Error{Code: 5999}, "5999", ActionBackOff, false},
		{&Error{Experimental: true, Code: 4998}, "experimental result 4998", ActionUseCached, false},
	}
	for _, tt := range tests {
		t.Run(tt.e.Error(), func(t *testing.T) {
			if tt.e.Name() != tt.name || tt.e.Action() != tt.action || tt.e.UserUnknown() != tt.unknown {
				t.Errorf("got %s, %s, %v", tt.e.Name(), tt.e.Action(), tt.e.UserUnknown())
			}
		})
	}
	if errors.Is(&Error{Code: 5001}, &Error{Experimental: true, Code: 5001}) {
		t.Error("5001 is one error in both places")
	}
	if !errors.Is(&Error{Code: 5105}, &Error{Experimental: true, Code: 5105}) {
		t.Error("5105 is two errors in the two places")
	}
}

func TestIdentities(t *testing.T) {
	tests := []struct {
		in   string
		want Identity
		fail bool
	}{
		{"sip:Alice@IMS.example;user=phone?Subject=x", Identity{Public: "sip:Alice@ims.example"}, false},
		{"SIP:bob@ims.example:5060", Identity{Public: "sip:bob@ims.example:5060"}, false},
		{"tel:+1-555-(123).4567;phone-context=x", Identity{Public: "tel:+15551234567"}, false},
		{"+15551234567", Identity{MSISDN: "15551234567"}, false},
		{"15551234567", Identity{MSISDN: "15551234567"}, false},
		{"ext:meter1@iot.example", Identity{External: "meter1@iot.example"}, false},
		{"sip:conf.ims.example", Identity{Public: "sip:conf.ims.example"}, false},
		{"alice", Identity{}, true}, {"", Identity{}, true}, {"sip:", Identity{}, true}, {"ext:x", Identity{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseIdentity(tt.in)
			if got != tt.want || (err != nil) != tt.fail {
				t.Errorf("got %+v, %v", got, err)
			}
			if err == nil {
				if again, err := ParseIdentity(got.String()); again != got || err != nil {
					t.Errorf("%q is read as %+v, %v", got.String(), again, err)
				}
			}
		})
	}
}

func TestTBCD(t *testing.T) {
	for digits, want := range map[string]string{"15551234567": "\x51\x55\x21\x43\x65\xf7", "1234": "\x21\x43", "": ""} {
		got := string(encodeTBCD(digits))
		if got != want || decodeTBCD([]byte(got)) != digits {
			t.Errorf("%s is % x, read back as %s", digits, got, decodeTBCD([]byte(got)))
		}
	}
}

func TestSequence(t *testing.T) {
	tests := []struct {
		exists bool
		stored uint16
		want   uint16
	}{{false, 0, 0}, {false, 9, 0}, {true, 0, 1}, {true, 41, 42}, {true, 65534, 65535}, {true, 65535, 1}}
	for _, tt := range tests {
		if got := NextSequence(tt.exists, tt.stored); got != tt.want {
			t.Errorf("NextSequence(%v, %d) = %d, want %d", tt.exists, tt.stored, got, tt.want)
		}
	}
	if ValidSequence(true, 65535, 0) || ValidSequence(true, 3, 3) || !ValidSequence(false, 0, 0) {
		t.Error("ValidSequence takes a wrong number")
	}
}
