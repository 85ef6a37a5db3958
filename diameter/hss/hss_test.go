package hss

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/sh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const asName = "sip:as.ims.example"

func ptr[T any](v T) *T { return &v }

// start runs the simulator of testdata/hss.yaml.
func start(t testing.TB) *Server {
	t.Helper()
	cfg, err := Load("testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, cfg)
}

func startWith(t testing.TB, cfg Config) *Server {
	t.Helper()
	if relayed() {
		cfg.Listen = hssAddress + ":0"
	}
	s, err := New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	if relayed() {
		startRelay(t, s)
	}
	return s
}

// applicationServer is a client with its notifications.
type applicationServer struct {
	*sh.Client
	endpoint *diameter.Endpoint
	notes    chan *sh.PNR
	answer   error
}

func connect(t testing.TB, s *Server, host string) *applicationServer {
	t.Helper()
	as := &applicationServer{notes: make(chan *sh.PNR, 100)}
	cfg := diameter.DefaultConfig()
	// A realm of its own: a relay sends a request for the HSS's realm to any host in it that speaks Sh.
	cfg.OriginHost, cfg.OriginRealm = host, "apps.example"
	cfg.Peers = []diameter.PeerConfig{{Host: "hss.ims.example", Address: s.Addr()}}
	if relayed() {
		cfg.Peers = []diameter.PeerConfig{{Host: "relay.ims.example", Address: relayAddress + ":3868"}}
	}
	e, err := diameter.New(cfg, diameter.Handlers{sh.Command(dict.PushNotification): sh.PNRHandler(func(n *sh.PNR) error {
		as.notes <- n
		return as.answer
	})}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	t.Cleanup(func() { e.Close(context.Background(), diameter.Rebooting) })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Ready(ctx, dict.Sh, diameter.Route{Realm: "ims.example"}); err != nil {
		t.Fatal(err)
	}
	as.endpoint, as.Client = e, sh.NewClient(e, diameter.Route{Realm: "ims.example"})
	return as
}

// next waits for a notification.
func (as *applicationServer) next(t *testing.T) *sh.PNR {
	t.Helper()
	select {
	case n := <-as.notes:
		return n
	case <-time.After(5 * time.Second):
		t.Fatal("no notification in 5s")
		return nil
	}
}

// none makes sure that nothing was pushed: what is pushed later overtakes nothing, so a change that does notify flushes.
func (as *applicationServer) none(t *testing.T) {
	t.Helper()
	select {
	case n := <-as.notes:
		t.Errorf("unexpected notification %s", n.XML)
	default:
	}
}

func call(t *testing.T, s *Server, method, path, body string, want int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.HTTPAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s: %s, want %d: %s", method, path, resp.Status, want, b)
	}
	return string(b)
}

var (
	alice = sh.Public("sip:alice@ims.example")
	bob   = sh.Public("sip:bob@ims.example")
)

// TestReadEveryReference reads all of table 7.6.1 that can be read.
func TestReadEveryReference(t *testing.T) {
	as := connect(t, start(t), "as.ims.example")
	ims := func(i sh.IMSData) *sh.Data { return &sh.Data{IMS: &i} }
	tests := []struct {
		ref  sh.Reference
		q    sh.UDR
		want *sh.Data
	}{
		{sh.RefRepositoryData, sh.UDR{ServiceIndications: []string{"mmtel"}},
			&sh.Data{Repository: []sh.RepositoryData{{ServiceIndication: "mmtel", ServiceData: sh.RawXML(`<simservs xmlns="urn:x"/>`)}}}},
		{sh.RefIMSPublicIdentity, sh.UDR{}, &sh.Data{PublicIdentifiers: &sh.Identities{
			Public: []string{"sip:alice@ims.example", "tel:+15551234567", "sip:alice.work@ims.example"}}}},
		{sh.RefIMSUserState, sh.UDR{}, ims(sh.IMSData{UserState: ptr(sh.Registered)})},
		{sh.RefSCSCFName, sh.UDR{}, ims(sh.IMSData{SCSCFName: ptr("sip:scscf.ims.example:6060")})},
		{sh.RefInitialFilterCriteria, sh.UDR{ServerName: asName}, ims(sh.IMSData{IFCs: &sh.IFCs{
			Criteria: []sh.InitialFilterCriteria{{ApplicationServer: sh.ApplicationServer{ServerName: asName}}}}})},
		{sh.RefLocationInformation, sh.UDR{RequestedDomain: ptr(sh.CS)},
			&sh.Data{CSLocation: &sh.CSLocation{CellGlobalID: &sh.Octets{1, 2}, Age: ptr(9)}}},
		{sh.RefUserState, sh.UDR{RequestedDomain: ptr(sh.PS), RequestedNodes: sh.NodeMME | sh.NodeAMF},
			&sh.Data{EPSUserState: ptr(sh.PacketUserState(3)), FiveGSUserState: ptr(sh.PacketUserState(1))}},
		{sh.RefChargingInformation, sh.UDR{}, ims(sh.IMSData{Charging: &sh.ChargingInformation{
			PrimaryCollection: ptr("aaa://ccf1.ims.example"), SecondaryCollection: ptr("aaa://ccf2.ims.example")}})},
		{sh.RefMSISDN, sh.UDR{}, &sh.Data{PublicIdentifiers: &sh.Identities{MSISDN: []string{"15551234567"}}}},
		{sh.RefPSIActivation, sh.UDR{Identity: sh.Public("sip:conference@ims.example")}, ims(sh.IMSData{PSIActivation: ptr(sh.PSIActive)})},
		{sh.RefDSAI, sh.UDR{ServerName: asName, DSAITags: []string{"mute"}}, ims(sh.IMSData{DSAI: []sh.DSAI{{Tag: "mute", Value: sh.DSAIActive}}})},
		{sh.RefServiceLevelTraceInfo, sh.UDR{}, ims(sh.IMSData{TraceInfo: []string{"trace"}})},
		{sh.RefIPAddressBinding, sh.UDR{}, ims(sh.IMSData{IPv4Address: ptr("192.0.2.7")})},
		{sh.RefServicePriorityLevel, sh.UDR{}, ims(sh.IMSData{PriorityLevel: ptr(2)})},
		{sh.RefSMSRegistrationInfo, sh.UDR{}, ims(sh.IMSData{SMSRegistration: &sh.SMSRegistration{Gateway: "15550000002"}})},
		{sh.RefTADSInformation, sh.UDR{}, &sh.Data{TADS: &sh.TADSInformation{VoiceSupport: 1, RATType: 1004}}},
		{sh.RefSTNSR, sh.UDR{PrivateIdentity: "alice@ims.example"}, ims(sh.IMSData{STNSR: ptr("15550000001")})},
		{sh.RefUESRVCCCapability, sh.UDR{PrivateIdentity: "alice@ims.example"}, ims(sh.IMSData{UESRVCC: ptr(sh.SRVCCCapability(1))})},
		{sh.RefExtendedPriority, sh.UDR{}, ims(sh.IMSData{Priorities: []sh.ExtendedPriority{{Namespace: "wps", Level: "1"}}})},
		{sh.RefCSRN, sh.UDR{}, ims(sh.IMSData{CSRN: ptr("15550000003")})},
		{sh.RefReferenceLocation, sh.UDR{}, ims(sh.IMSData{ReferenceLoc: []sh.ReferenceLocation{{AccessType: ptr("DSL")}}})},
		{sh.RefIMSI, sh.UDR{Identity: sh.Identity{MSISDN: "15551234567"}}, &sh.Data{IMSI: ptr("001010000000001")}},
		{sh.RefIMSPrivateUserIdentity, sh.UDR{}, &sh.Data{PrivateIdentities: []string{"alice@ims.example"}}},
		{sh.RefIMEISV, sh.UDR{Identity: sh.Identity{External: "alice@iot.example"}}, &sh.Data{IMEISV: ptr("3569380356438091")}},
		{sh.RefUE5GSRVCCCapability, sh.UDR{}, ims(sh.IMSData{UE5GSRVCC: ptr(sh.SRVCCCapability(1))})},
	}
	tested := make(map[sh.Reference]bool)
	for _, tt := range tests {
		tested[tt.ref] = true
		t.Run(tt.ref.String(), func(t *testing.T) {
			if tt.q.Identity == (sh.Identity{}) {
				tt.q.Identity = alice
			}
			tt.q.References = []sh.Reference{tt.ref}
			a, err := as.UDR(t.Context(), &tt.q)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, a.Data); d != "" {
				t.Error(d)
			}
			if a.Host != "hss.ims.example" {
				t.Errorf("host %s", a.Host)
			}
		})
	}
	for _, r := range sh.References() {
		if r.Allows(sh.Read) && !tested[r] {
			t.Errorf("%s is not tested", r)
		}
	}
}

func TestReadVariants(t *testing.T) {
	as := connect(t, start(t), "as.ims.example")
	nobody := &sh.Data{}
	tests := []struct {
		name string
		q    sh.UDR
		want *sh.Data
	}{
		{"several references in one", sh.UDR{Identity: alice, References: []sh.Reference{sh.RefIMSUserState, sh.RefSCSCFName, sh.RefMSISDN}},
			&sh.Data{PublicIdentifiers: &sh.Identities{MSISDN: []string{"15551234567"}},
				IMS: &sh.IMSData{UserState: ptr(sh.Registered), SCSCFName: ptr("sip:scscf.ims.example:6060")}}},
		{"registered identities", sh.UDR{Identity: alice, References: []sh.Reference{sh.RefIMSPublicIdentity},
			IdentitySets: []sh.IdentitySet{sh.RegisteredIdentities}},
			&sh.Data{PublicIdentifiers: &sh.Identities{Public: []string{"sip:alice@ims.example", "tel:+15551234567"}}}},
		{"two sets with Notif-Eff", sh.UDR{Identity: alice, References: []sh.Reference{sh.RefIMSPublicIdentity},
			IdentitySets: []sh.IdentitySet{sh.ImplicitIdentities, sh.AliasIdentities}, Features: []sh.Features{sh.ShFeatures(sh.NotifEff)}},
			&sh.Data{Implicit: &sh.Identities{Public: []string{"sip:alice@ims.example", "tel:+15551234567"}},
				Alias: &sh.Identities{Public: []string{"sip:alice@ims.example", "tel:+15551234567"}}}},
		{"every packet node", sh.UDR{Identity: alice, References: []sh.Reference{sh.RefLocationInformation}, RequestedDomain: ptr(sh.PS)},
			&sh.Data{PSLocation: &sh.PSLocation{RoutingAreaID: &sh.Octets{3, 4}}, EPSLocation: &sh.EPSLocation{MMEName: ptr("mme1.ims.example")},
				TWANLocation: &sh.TWANLocation{SSID: ptr("home")}, FiveGSLocation: &sh.FiveGSLocation{AMFAddress: ptr("amf1.ims.example")}}},
		{"active retrieval", sh.UDR{Identity: alice, References: []sh.Reference{sh.RefLocationInformation}, RequestedDomain: ptr(sh.CS),
			CurrentLocation: ptr(sh.ActiveLocation)},
			&sh.Data{CSLocation: &sh.CSLocation{CellGlobalID: &sh.Octets{1, 2}, CurrentRetrieved: ptr(true), Age: ptr(0)}}},
		{"nothing to tell", sh.UDR{Identity: bob, References: []sh.Reference{sh.RefSCSCFName}}, nobody},
		{"nothing to tell, with Notif-Eff", sh.UDR{Identity: bob, References: []sh.Reference{sh.RefSCSCFName},
			Features: []sh.Features{sh.ShFeatures(sh.NotifEff)}}, &sh.Data{IMS: &sh.IMSData{SCSCFName: ptr("")}}},
		{"no data of this service", sh.UDR{Identity: bob, References: []sh.Reference{sh.RefRepositoryData}, ServiceIndications: []string{"x"}}, nobody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := as.UDR(t.Context(), &tt.q)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, a.Data); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWildcards(t *testing.T) {
	as := connect(t, start(t), "as.ims.example")
	a, err := as.UDR(t.Context(), &sh.UDR{Identity: sh.Public("sip:room-42@ims.example"), References: []sh.Reference{sh.RefRepositoryData},
		ServiceIndications: []string{"mmtel"}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Wildcards.PSI != "sip:room-!.*!@ims.example" || string(a.Data.Repository[0].ServiceData) != "<room/>" {
		t.Errorf("%+v %+v", a.Wildcards, a.Data)
	}
	a, err = as.UDR(t.Context(), &sh.UDR{Identity: sh.Public("sip:desk-7@ims.example"), References: []sh.Reference{sh.RefIMSUserState}})
	if err != nil || a.Wildcards.IMPU != "sip:desk-![0-9]+!@ims.example" || *a.Data.IMS.UserState != sh.Registered {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = as.UDR(t.Context(), &sh.UDR{Identity: sh.Public("sip:desk-x@ims.example"), References: []sh.Reference{sh.RefIMSUserState}})
	if !errors.Is(err, experimental(sh.UserUnknown, "")) {
		t.Errorf("err = %v", err)
	}
}

func repository(service string, n uint16, data string) *sh.Data {
	d := sh.RepositoryData{ServiceIndication: service, SequenceNumber: n}
	if data != "" {
		d.ServiceData = sh.RawXML(data)
	}
	return &sh.Data{Repository: []sh.RepositoryData{d}}
}

// TestEveryErrorCode brings each code of the table about that an HSS sends.
func TestEveryErrorCode(t *testing.T) {
	s := start(t)
	as, poor := connect(t, s, "as.ims.example"), connect(t, s, "poor.ims.example")
	repo := []sh.Reference{sh.RefRepositoryData}
	udr := func(c *applicationServer, q sh.UDR) func() error {
		return func() error { _, err := c.UDR(t.Context(), &q); return err }
	}
	pur := func(c *applicationServer, q sh.PUR) func() error {
		return func() error { _, err := c.PUR(t.Context(), &q); return err }
	}
	snr := func(c *applicationServer, q sh.SNR) func() error {
		return func() error { _, err := c.SNR(t.Context(), &q); return err }
	}
	tests := []struct {
		name string
		do   func() error
		want *sh.Error
	}{
		{"5001 unknown user", udr(as, sh.UDR{Identity: sh.Public("sip:nobody@ims.example"), References: []sh.Reference{sh.RefIMSUserState}}),
			experimental(sh.UserUnknown, "")},
		{"5002 private identity of another", udr(as, sh.UDR{Identity: alice, PrivateIdentity: "bob@ims.example", References: []sh.Reference{sh.RefIMSI}}),
			experimental(sh.IdentitiesDontMatch, "")},
		{"5008 too much data", pur(as, sh.PUR{Identity: bob, References: repo, Data: repository("big", 0, "<a>"+strings.Repeat("x", 300)+"</a>")}),
			experimental(sh.TooMuchData, "")},
		{"5011 feature", udr(as, sh.UDR{Identity: alice, References: []sh.Reference{sh.RefIMSI},
			Features: []sh.Features{{Vendor: 10415, ListID: 1, List: 1 << 20, Insist: true}}}), experimental(sh.FeatureUnsupported, "")},
		{"5100 element of another reference", pur(as, sh.PUR{Identity: alice, References: repo, Data: &sh.Data{}}), experimental(sh.UserDataNotRecognized, "")},
		{"5101 PSI activation of a user", udr(as, sh.UDR{Identity: alice, References: []sh.Reference{sh.RefPSIActivation}}), experimental(sh.OperationNotAllowed, "")},
		{"5101 state of a service", udr(as, sh.UDR{Identity: sh.Public("sip:conference@ims.example"), References: []sh.Reference{sh.RefIMSUserState}}),
			experimental(sh.OperationNotAllowed, "")},
		{"5101 address of a shared identity", udr(as, sh.UDR{Identity: bob, References: []sh.Reference{sh.RefIPAddressBinding}}),
			experimental(sh.OperationNotAllowed, "")},
		{"5101 create without data", pur(as, sh.PUR{Identity: bob, References: repo, Data: repository("x", 0, "")}), experimental(sh.OperationNotAllowed, "")},
		{"5101 STN-SR with none stored", pur(as, sh.PUR{Identity: bob, PrivateIdentity: "bob1@ims.example", References: []sh.Reference{sh.RefSTNSR},
			Data: &sh.Data{IMS: &sh.IMSData{STNSR: ptr("1")}}}), experimental(sh.OperationNotAllowed, "")},
		{"5101 PSI activation of a wildcard is not written", pur(as, sh.PUR{Identity: sh.Public("sip:room-1@ims.example"),
			References: []sh.Reference{sh.RefPSIActivation}, Data: &sh.Data{IMS: &sh.IMSData{PSIActivation: ptr(sh.PSIInactive)}}}),
			experimental(sh.OperationNotAllowed, "")},
		{"5102 not permitted to read, even of nobody", udr(poor, sh.UDR{Identity: sh.Public("sip:nobody@ims.example"), References: []sh.Reference{sh.RefIMSI}}),
			experimental(sh.UserDataCannotBeRead, "")},
		{"5103 not permitted to write", pur(poor, sh.PUR{Identity: alice, References: repo, Data: repository("x", 0, "<a/>")}),
			experimental(sh.UserDataCannotBeModified, "")},
		{"5104 not permitted to subscribe", snr(poor, sh.SNR{Identity: alice, References: []sh.Reference{sh.RefIMSUserState}}),
			experimental(sh.UserDataCannotBeNotified, "")},
		{"5105 sequence number", pur(as, sh.PUR{Identity: alice, References: repo, Data: repository("mmtel", 0, "<a/>")}),
			experimental(sh.TransparentDataOutOfSync, "")},
		{"5106 no data to subscribe to", snr(as, sh.SNR{Identity: alice, References: repo, ServiceIndications: []string{"none"}}),
			experimental(sh.SubsDataAbsent, "")},
		{"5108 unknown tag", udr(as, sh.UDR{Identity: alice, References: []sh.Reference{sh.RefDSAI}, ServerName: asName, DSAITags: []string{"x"}}),
			experimental(sh.DSAINotAvailable, "")},
		{"base 5009 two references in a PUR without the feature", pur(as, sh.PUR{Identity: alice,
			References: []sh.Reference{sh.RefRepositoryData, sh.RefSMSRegistrationInfo}, Data: repository("mmtel", 1, "<a/>")}), &sh.Error{Code: 5009}},
		{"permitted", udr(poor, sh.UDR{Identity: alice, References: []sh.Reference{sh.RefIMSUserState}}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
	// What the simulator has no reason to send, and what agents send, is scripted.
	for _, code := range []uint32{4100, 4101, 5107} {
		s.faults.set([]Fault{{Experimental: code, Times: 1}})
		if err := tests[0].do(); !errors.Is(err, experimental(code, "")) {
			t.Errorf("scripted %d: %v", code, err)
		}
	}
	for _, code := range []uint32{3002, 3003, 3004, 5003, 5012, 5030} {
		s.faults.set([]Fault{{Result: code, Times: 1}})
		if err := tests[0].do(); !errors.Is(err, &sh.Error{Code: code}) {
			t.Errorf("scripted %d: %v", code, err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	direct(t, "it is about the process")
	cfg := Sample()
	cfg.Listen, cfg.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	var said strings.Builder
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, cfg, slog.New(slog.NewTextHandler(writer(func(b []byte) { said.Write(b); cancel() }), nil)))
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), `msg="hss simulator is ready"`) || !strings.Contains(said.String(), "subscribers=4") {
		t.Errorf("said %s", said.String())
	}
	cfg.Listen = "192.0.2.77:1"
	if err := Run(t.Context(), cfg, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("listened on an address that is not ours")
	}
}

// writer is a function as an io.Writer.
type writer func(b []byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }
