package sh

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter/dict"
)

func TestShow(t *testing.T) {
	d := &Data{
		IMS:        &IMSData{UserState: ptr(Registered), DSAI: []DSAI{{"mute", DSAIInactive}}},
		Repository: []RepositoryData{{"mmtel", 3, RawXML("<a/>")}}, CSLocation: &CSLocation{CellGlobalID: &Octets{1, 2}},
	}
	want := `RepositoryData
  ServiceIndication: mmtel
  SequenceNumber: 3
  ServiceData: <a/>
Sh-IMS-Data
  IMSUserState: REGISTERED
  DSAI
    DSAI-Tag: mute
    DSAI-Value: INACTIVE
CSLocationInformation
  CellGlobalId: AQI=
`
	if got := d.Text(); got != want {
		t.Errorf("text:\n%s", got)
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON := `{"CSLocationInformation":{"CellGlobalId":"AQI="},"RepositoryData":[{"SequenceNumber":3,"ServiceData":"\u003ca/\u003e",` +
		`"ServiceIndication":"mmtel"}],"Sh-IMS-Data":{"DSAI":[{"DSAI-Tag":"mute","DSAI-Value":"INACTIVE"}],"IMSUserState":"REGISTERED"}}`
	if string(b) != wantJSON {
		t.Errorf("json: %s", b)
	}
	if got := new(Data).Text(); got != "nothing\n" {
		t.Errorf("empty: %q", got)
	}
	if got := full().Text(); !strings.Contains(got, "IncludeRegisterRequest") || !strings.Contains(got, "Sh-5GSUserState") {
		t.Errorf("full document:\n%s", got)
	}
}

func TestTrace(t *testing.T) {
	q := &UDR{Identity: Identity{MSISDN: "15551234"}, References: []Reference{RefIMSI}}
	got := Trace(wire(t, dict.UserDataCommand, func(m *diam.Message) error {
		m.Header.EndToEndID = 0xabc
		return q.append(m)
	}))
	for _, want := range []string{
		"User-Data-Request application 16777217 flags RP hop-by-hop 00000001 end-to-end 00000abc\n",
		"  Vendor-Specific-Application-Id (260) M\n    Vendor-Id (266) M 10415\n",
		"  Auth-Session-State (277) M 1 NO_STATE_MAINTAINED\n",
		"  User-Identity (700/10415) VM\n    MSISDN (701/10415) VM 15551234\n",
		"  Data-Reference (703/10415) VM 32 IMSI\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}
