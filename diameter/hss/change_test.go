package hss

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/sh"
)

func TestUpdateEveryReference(t *testing.T) {
	as := connect(t, start(t), "as.ims.example")
	conf := sh.Public("sip:conference@ims.example")
	ims := func(i sh.IMSData) *sh.Data { return &sh.Data{IMS: &i} }
	tests := []struct {
		ref  sh.Reference
		id   sh.Identity
		user string
		data *sh.Data
		read sh.UDR
	}{
		{sh.RefRepositoryData, alice, "", repository("mmtel", 1, "<new/>"), sh.UDR{ServiceIndications: []string{"mmtel"}}},
		{sh.RefPSIActivation, conf, "", ims(sh.IMSData{PSIActivation: ptr(sh.PSIInactive)}), sh.UDR{}},
		{sh.RefDSAI, alice, "", ims(sh.IMSData{DSAI: []sh.DSAI{{Tag: "mute", Value: sh.DSAIInactive}}}),
			sh.UDR{ServerName: asName, DSAITags: []string{"mute"}}},
		{sh.RefSMSRegistrationInfo, alice, "", ims(sh.IMSData{SMSRegistration: &sh.SMSRegistration{Gateway: "1999", SCAddress: ptr("1998")}}), sh.UDR{}},
		{sh.RefSTNSR, alice, "alice@ims.example", ims(sh.IMSData{STNSR: ptr("1777")}), sh.UDR{PrivateIdentity: "alice@ims.example"}},
	}
	tested := make(map[sh.Reference]bool)
	for _, tt := range tests {
		tested[tt.ref] = true
		t.Run(tt.ref.String(), func(t *testing.T) {
			refs := []sh.Reference{tt.ref}
			if _, err := as.PUR(t.Context(), &sh.PUR{Identity: tt.id, PrivateIdentity: tt.user, References: refs, Data: tt.data}); err != nil {
				t.Fatal(err)
			}
			tt.read.Identity, tt.read.References = tt.id, refs
			a, err := as.UDR(t.Context(), &tt.read)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.data, a.Data); d != "" {
				t.Error(d)
			}
		})
	}
	for _, r := range sh.References() {
		if r.Allows(sh.Update) && !tested[r] {
			t.Errorf("%s is not tested", r)
		}
	}
}

func TestRepositoryLife(t *testing.T) {
	s := start(t)
	as := connect(t, s, "as.ims.example")
	ctx := t.Context()
	put := func(data string) (sh.Repository, error) {
		return as.UpdateRepositoryData(ctx, bob, "app", func(sh.RawXML) (sh.RawXML, error) {
			if data == "" {
				return nil, nil
			}
			return sh.RawXML(data), nil
		})
	}
	for want, data := range []string{"<a/>", "<b/>", "<c/>"} {
		r, err := put(data)
		if err != nil || int(r.Sequence) != want {
			t.Fatalf("%s has number %d, %v; want %d", data, r.Sequence, err, want)
		}
	}
	// After 65535 comes 1.
	s.mu.Lock()
	for _, r := range s.store.all {
		for k, d := range r.repos {
			if k.service == "app" {
				d.SequenceNumber = 65535
				r.repos[k] = d
			}
		}
	}
	s.mu.Unlock()
	if r, err := put("<d/>"); err != nil || r.Sequence != 1 {
		t.Errorf("after 65535 came %d, %v", r.Sequence, err)
	}
	if _, err := put(""); err != nil {
		t.Error(err)
	}
	if r, err := as.RepositoryData(ctx, bob, "app"); err != nil || r.Data != nil {
		t.Errorf("after deletion: %+v, %v", r, err)
	}
	if r, err := put("<e/>"); err != nil || r.Sequence != 0 {
		t.Errorf("created anew with %d, %v", r.Sequence, err)
	}
	broken := errors.New("no")
	if _, err := as.UpdateRepositoryData(ctx, bob, "app", func(sh.RawXML) (sh.RawXML, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

// TestUpdateSentTwiceIsDoneOnce: the answer to the first is lost with its connection, so it is sent again over another.
func TestUpdateSentTwiceIsDoneOnce(t *testing.T) {
	direct(t, "it is about two connections to one HSS")
	s := start(t)
	one, two := connect(t, s, "as.ims.example"), connect(t, s, "as.ims.example")
	q := &sh.PUR{Identity: bob, References: []sh.Reference{sh.RefRepositoryData}, Data: repository("app", 0, "<a/>")}
	var sent *diam.Message
	one.Trace = func(m *diam.Message) {
		if sent == nil {
			sent = m
		}
	}
	if _, err := one.PUR(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	for _, again := range []bool{true, false} {
		if again {
			sent.Header.CommandFlags |= diam.RetransmittedFlag
		} else {
			sent.Header.CommandFlags &^= diam.RetransmittedFlag
		}
		a, err := two.endpoint.Do(t.Context(), sent)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := diameter.Number(a.AVP, 0, dict.ResultCode)
		if done := diameter.ResultCode(code) == diameter.Success; done != again {
			t.Errorf("with the T bit %v: %v", again, a)
		}
	}
}

// TestWritersMeet lets two application servers count in the same data: no count may be lost.
func TestWritersMeet(t *testing.T) {
	s := start(t)
	one, two := connect(t, s, "as.ims.example"), connect(t, s, "as2.ims.example")
	var wg sync.WaitGroup
	const each = 20
	for _, as := range []*applicationServer{one, two} {
		wg.Go(func() {
			for range each {
				for {
					_, err := as.UpdateRepositoryData(t.Context(), alice, "count", func(old sh.RawXML) (sh.RawXML, error) {
						n := 0
						_, _ = fmt.Sscanf(string(old), "<n>%d</n>", &n)
						return sh.RawXML(fmt.Sprintf("<n>%d</n>", n+1)), nil
					})
					if err == nil {
						break
					}
					if !errors.Is(err, experimental(sh.TransparentDataOutOfSync, "")) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	r, err := one.RepositoryData(t.Context(), alice, "count")
	if want := fmt.Sprintf("<n>%d</n>", 2*each); err != nil || string(r.Data) != want {
		t.Errorf("counted %s, %v; want %s", r.Data, err, want)
	}
}

func TestUpdateTellsWhichPartFailed(t *testing.T) {
	as := connect(t, start(t), "as.ims.example")
	data := &sh.Data{Repository: []sh.RepositoryData{
		{ServiceIndication: "mmtel", SequenceNumber: 1, ServiceData: sh.RawXML("<ok/>")},
		{ServiceIndication: "other", SequenceNumber: 9, ServiceData: sh.RawXML("<bad/>")}}}
	_, err := as.PUR(t.Context(), &sh.PUR{Identity: alice, References: []sh.Reference{sh.RefRepositoryData}, Data: data,
		Features: []sh.Features{sh.ShFeatures(sh.UpdateEff)}})
	e, ok := errors.AsType[*sh.Error](err)
	if !ok || e.FailedRepository == nil || *e.FailedRepository != (sh.RepositoryDataID{ServiceIndication: "other", SequenceNumber: 9}) {
		t.Fatalf("err = %+v", err)
	}
	r, err := as.RepositoryData(t.Context(), alice, "mmtel")
	if err != nil || r.Sequence != 0 {
		t.Errorf("a part of the failed update was done: %+v, %v", r, err)
	}
}

// TestNotifyEveryReference subscribes to all that can be notified and changes it.
func TestNotifyEveryReference(t *testing.T) {
	s := start(t)
	as := connect(t, s, "as.ims.example")
	patch := func(id, body string) func() {
		return func() { call(t, s, "PATCH", "/subscribers/"+id, body, 200) }
	}
	data := func(inner string) func() {
		b, err := json.Marshal(map[string]string{"data": "<Sh-Data><Sh-IMS-Data>" + inner + "</Sh-IMS-Data></Sh-Data>"})
		if err != nil {
			t.Fatal(err)
		}
		return patch("sip:alice@ims.example", string(b))
	}
	ims := func(i sh.IMSData) *sh.Data { return &sh.Data{IMS: &i} }
	tests := []struct {
		ref    sh.Reference
		q      sh.SNR
		change func()
		want   *sh.Data
	}{
		{sh.RefIMSUserState, sh.SNR{}, func() { call(t, s, "PUT", "/subscribers/sip:alice@ims.example/state/unreg_services", "", 204) },
			ims(sh.IMSData{UserState: ptr(sh.RegisteredUnregServices)})},
		{sh.RefSCSCFName, sh.SNR{}, patch("sip:alice@ims.example", `{"scscf":""}`), ims(sh.IMSData{SCSCFName: ptr("")})},
		{sh.RefChargingInformation, sh.SNR{}, patch("sip:alice@ims.example", `{"charging":{"primary_event":"aaa://ecf"}}`),
			ims(sh.IMSData{Charging: &sh.ChargingInformation{PrimaryEvent: ptr("aaa://ecf"), PrimaryCollection: ptr("aaa://ccf1.ims.example"),
				SecondaryCollection: ptr("aaa://ccf2.ims.example")}})},
		{sh.RefIMSPublicIdentity, sh.SNR{}, patch("sip:alice@ims.example", `{"public":["sip:alice@ims.example","sip:new@ims.example"]}`),
			&sh.Data{PublicIdentifiers: &sh.Identities{Public: []string{"sip:alice@ims.example", "sip:new@ims.example"}}}},
		{sh.RefRepositoryData, sh.SNR{ServiceIndications: []string{"mmtel"}},
			func() { call(t, s, "PUT", "/subscribers/sip:alice@ims.example/repository/mmtel", "<x/>", 200) }, repository("mmtel", 1, "<x/>")},
		{sh.RefPSIActivation, sh.SNR{Identity: sh.Public("sip:conference@ims.example")},
			patch("sip:conference@ims.example", `{"psi_active":false}`), ims(sh.IMSData{PSIActivation: ptr(sh.PSIInactive)})},
		{sh.RefDSAI, sh.SNR{ServerName: asName, DSAITags: []string{"mute"}},
			patch("sip:alice@ims.example", `{"dsai":[{"server_name":"sip:as.ims.example","tag":"mute","active":false}]}`),
			ims(sh.IMSData{DSAI: []sh.DSAI{{Tag: "mute", Value: sh.DSAIInactive}}})},
		{sh.RefIMSPrivateUserIdentity, sh.SNR{}, patch("sip:alice@ims.example", `{"private":["alice@ims.example","a2"]}`),
			&sh.Data{PrivateIdentities: []string{"alice@ims.example", "a2"}}},
		{sh.RefUESRVCCCapability, sh.SNR{PrivateIdentity: "alice@ims.example"}, patch("sip:alice@ims.example", `{"ue_srvcc":false,"private":["alice@ims.example"]}`),
			ims(sh.IMSData{UESRVCC: ptr(sh.SRVCCCapability(0))})},
		{sh.RefInitialFilterCriteria, sh.SNR{ServerName: asName}, data(""), ims(sh.IMSData{IFCs: &sh.IFCs{}})},
		{sh.RefServiceLevelTraceInfo, sh.SNR{}, data("<ServiceLevelTraceInfo>t2</ServiceLevelTraceInfo>"), ims(sh.IMSData{TraceInfo: []string{"t2"}})},
		{sh.RefIPAddressBinding, sh.SNR{}, data("<IPv4Address>192.0.2.8</IPv4Address>"), ims(sh.IMSData{IPv4Address: ptr("192.0.2.8")})},
		{sh.RefServicePriorityLevel, sh.SNR{}, data("<ServicePriorityLevel>4</ServicePriorityLevel>"), ims(sh.IMSData{PriorityLevel: ptr(4)})},
		{sh.RefExtendedPriority, sh.SNR{}, data("<ExtendedPriority><PriorityNamespace>n</PriorityNamespace><PriorityLevel>2</PriorityLevel></ExtendedPriority>"),
			ims(sh.IMSData{Priorities: []sh.ExtendedPriority{{Namespace: "n", Level: "2"}}})},
		{sh.RefUE5GSRVCCCapability, sh.SNR{}, data("<UE-5G-SRVCC-Capability>0</UE-5G-SRVCC-Capability>"),
			ims(sh.IMSData{UE5GSRVCC: ptr(sh.SRVCCCapability(0))})},
		{sh.RefUEReachabilityForIP, sh.SNR{OneTime: true}, data("<UEReachabilityForIP><UEIPReachabilityMME>0</UEIPReachabilityMME></UEReachabilityForIP>"),
			ims(sh.IMSData{UEReachability: &sh.UEReachability{MME: ptr(0)}})},
	}
	tested := make(map[sh.Reference]bool)
	for _, tt := range tests {
		tested[tt.ref] = true
		t.Run(tt.ref.String(), func(t *testing.T) {
			if tt.q.Identity == (sh.Identity{}) {
				tt.q.Identity = alice
			}
			tt.q.References = []sh.Reference{tt.ref}
			if _, err := as.SNR(t.Context(), &tt.q); err != nil {
				t.Fatal(err)
			}
			tt.change()
			n := as.next(t)
			if n.Identity != tt.q.Identity {
				t.Errorf("notified of %+v", n.Identity)
			}
			if d := cmp.Diff(tt.want, n.Data); d != "" {
				t.Error(d)
			}
			tt.q.Unsubscribe = true
			if _, err := as.SNR(t.Context(), &tt.q); err != nil {
				t.Error(err)
			}
		})
	}
	for _, r := range sh.References() {
		if r.Allows(sh.Notify) && !tested[r] {
			t.Errorf("%s is not tested", r)
		}
	}
	if got := call(t, s, "GET", "/subscriptions", "", 200); strings.TrimSpace(got) != "[]" {
		t.Errorf("subscriptions left: %s", got)
	}
}

func TestSubscriptionRules(t *testing.T) {
	s := start(t)
	as := connect(t, s, "as.ims.example")
	state := []sh.Reference{sh.RefIMSUserState}
	set := func(name string) { call(t, s, "PUT", "/subscribers/sip:alice@ims.example/state/"+name, "", 204) }

	// The data come along when asked for, and the same subscription twice is one.
	for range 2 {
		a, err := as.SNR(t.Context(), &sh.SNR{Identity: alice, References: state, SendData: true})
		if err != nil || a.Data == nil || *a.Data.IMS.UserState != sh.Registered || !a.Expiry.IsZero() {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	set("registered")             // no change
	set("authentication_pending") // never notified
	set("not_registered")
	if n := as.next(t); *n.Data.IMS.UserState != sh.NotRegistered {
		t.Errorf("notified of %s", n.XML)
	}
	as.none(t)

	// Two references with Notif-Eff come in one notification.
	if _, err := as.SNR(t.Context(), &sh.SNR{Identity: alice, References: []sh.Reference{sh.RefIMSUserState, sh.RefSCSCFName},
		Features: []sh.Features{sh.ShFeatures(sh.NotifEff)}}); err != nil {
		t.Fatal(err)
	}
	call(t, s, "PATCH", "/subscribers/sip:alice@ims.example", `{"scscf":"sip:s2","public":[{"id":"sip:alice@ims.example","state":"registered"}]}`, 200)
	if n := as.next(t); *n.Data.IMS.UserState != sh.Registered || *n.Data.IMS.SCSCFName != "sip:s2" {
		t.Errorf("notified of %s", n.XML)
	}
	as.none(t)

	// Unsubscribing what was not subscribed is a success.
	if _, err := as.SNR(t.Context(), &sh.SNR{Identity: bob, References: state, Unsubscribe: true}); err != nil {
		t.Error(err)
	}

	// After "user unknown" the HSS drops every subscription of this server for the identity.
	as.answer = experimental(sh.UserUnknown, "")
	set("not_registered")
	as.next(t)
	waitFor(t, func() bool { return strings.TrimSpace(call(t, s, "GET", "/subscriptions", "", 200)) == "[]" })
}

func TestDeletedDataEndTheirSubscription(t *testing.T) {
	s := start(t)
	as := connect(t, s, "as.ims.example")
	if _, err := as.SNR(t.Context(), &sh.SNR{Identity: alice, References: []sh.Reference{sh.RefRepositoryData}, ServiceIndications: []string{"mmtel"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := as.PUR(t.Context(), &sh.PUR{Identity: alice, References: []sh.Reference{sh.RefRepositoryData}, Data: repository("mmtel", 1, "")}); err != nil {
		t.Fatal(err)
	}
	if n := as.next(t); len(n.Data.Repository) != 1 || n.Data.Repository[0].ServiceData != nil {
		t.Errorf("last notification %s", n.XML)
	}
	if got := call(t, s, "GET", "/subscriptions", "", 200); strings.TrimSpace(got) != "[]" {
		t.Errorf("subscriptions left: %s", got)
	}
}

func TestSubscriptionExpires(t *testing.T) {
	cfg, err := Load("testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxSubscription = time.Hour
	s := startWith(t, cfg)
	as := connect(t, s, "as.ims.example")
	state := []sh.Reference{sh.RefIMSUserState}
	a, err := as.SNR(t.Context(), &sh.SNR{Identity: alice, References: state})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(a.Expiry); left < 59*time.Minute || left > time.Hour {
		t.Errorf("expires in %s, want an hour", left)
	}
	s.mu.Lock()
	for r := range s.subscriptions {
		s.expire(r, time.Now().Add(time.Hour))
	}
	left := len(s.subscriptions)
	s.mu.Unlock()
	if left != 0 {
		t.Error("the subscription outlived its expiry")
	}
	soon := time.Now().Add(time.Minute).Truncate(time.Second)
	if a, err = as.SNR(t.Context(), &sh.SNR{Identity: alice, References: state, Expiry: soon}); err != nil || !a.Expiry.Equal(soon) {
		t.Errorf("expiry %v, %v; want %v", a.Expiry, err, soon)
	}
}

func TestSeveralApplicationServers(t *testing.T) {
	cfg, err := Load("testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg.ApplicationServers = nil
	s := startWith(t, cfg)
	one, two := connect(t, s, "as1.ims.example"), connect(t, s, "as2.ims.example")
	for _, as := range []*applicationServer{one, two} {
		if _, err := as.SNR(t.Context(), &sh.SNR{Identity: alice, References: []sh.Reference{sh.RefIMSUserState}}); err != nil {
			t.Fatal(err)
		}
	}
	call(t, s, "PUT", "/subscribers/sip:alice@ims.example/state/not_registered", "", 204)
	for _, as := range []*applicationServer{one, two} {
		if n := as.next(t); *n.Data.IMS.UserState != sh.NotRegistered {
			t.Errorf("notified of %s", n.XML)
		}
	}
}

func TestFaults(t *testing.T) {
	direct(t, "3004 and a closed connection are the relay's matter")
	s := start(t)
	as := connect(t, s, "as.ims.example")
	ask := func() error {
		_, err := as.UDR(t.Context(), &sh.UDR{Identity: alice, References: []sh.Reference{sh.RefIMSUserState}})
		return err
	}
	call(t, s, "PUT", "/faults", `[{"command":"PUR","drop":true},{"identity":"sip:bob*","drop":true},{"delay":"30ms","times":1},{"result":3004,"times":1}]`, 200)
	start := time.Now()
	if err := ask(); err != nil || time.Since(start) < 30*time.Millisecond {
		t.Errorf("delayed answer after %s: %v", time.Since(start), err)
	}
	if err := ask(); !errors.Is(err, &sh.Error{Code: 3004}) {
		t.Errorf("err = %v, want 3004", err)
	}
	if err := ask(); err != nil {
		t.Errorf("after the faults: %v", err)
	}
	call(t, s, "PUT", "/faults", `[{"close":true,"times":1}]`, 200)
	if err := ask(); !errors.Is(err, diameter.ErrNoPeer) {
		t.Errorf("err = %v, want ErrNoPeer", err)
	}
	call(t, s, "PUT", "/faults", `[{"times":1}]`, 400)
	call(t, s, "DELETE", "/faults", "", 204)
}

func TestHTTPErrors(t *testing.T) {
	s := start(t)
	tests := []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/subscribers/sip:nobody@ims.example", "", 404},
		{"GET", "/subscribers/nobody", "", 400},
		{"PUT", "/subscribers/sip:x@ims.example", `{"colour":"red"}`, 400},
		{"PUT", "/subscribers/sip:carol@ims.example", `{"scscf":"sip:s"}`, 200},
		{"PATCH", "/subscribers/sip:carol@ims.example", `{"public":["sip:carol@ims.example","sip:bob@ims.example"]}`, 400},
		{"GET", "/subscribers/sip:carol@ims.example", "", 200},
		{"PUT", "/subscribers/sip:carol@ims.example/state/asleep", "", 400},
		{"PUT", "/subscribers/sip:carol@ims.example/repository/x", "<a>", 400},
		{"DELETE", "/subscribers/sip:carol@ims.example/repository/x", "", 404},
		{"PUT", "/subscribers/sip:carol@ims.example/repository/x", "<a/>", 200},
		{"DELETE", "/subscribers/sip:carol@ims.example/repository/x", "", 200},
		{"DELETE", "/subscribers/sip:carol@ims.example", "", 204},
		{"GET", "/subscribers/sip:carol@ims.example", "", 404},
		{"GET", "/peers", "", 200},
		{"GET", "/subscribers", "", 200},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) { call(t, s, tt.method, tt.path, tt.body, tt.want) })
	}
}

func TestConfigurationMistakes(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":        "colour: red",
		"no identity":        "subscribers: [{imsi: '1'}]",
		"identity twice":     "subscribers: [{public: ['sip:a@x']}, {public: ['sip:a@x']}]",
		"no URI":             "subscribers: [{public: [alice]}]",
		"bad state":          "subscribers: [{public: [{id: 'sip:a@x', state: asleep}]}]",
		"bad kind":           "subscribers: [{public: ['sip:a@x'], kind: robot}]",
		"bad wildcard":       "subscribers: [{public: ['sip:a@x'], kind: wildcarded_psi}]",
		"bad document":       "subscribers: [{public: ['sip:a@x'], data: '<a/>'}]",
		"bad repository":     "subscribers: [{public: ['sip:a@x'], repository: {s: '<a>'}}]",
		"unknown reference":  "application_servers: [{host: a, read: [Everything]}]",
		"fault that is none": "faults: [{command: UDR}]",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(text)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if ok() {
			return
		}
		<-time.After(2 * time.Millisecond)
	}
	t.Fatal("did not come about in 5s")
}

// BenchmarkUDR measures a UDR with 64 outstanding, client and simulator in one process: Sh-Data written and read.
func BenchmarkUDR(b *testing.B) {
	s := start(b)
	as := connect(b, s, "as.ims.example")
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	var wg sync.WaitGroup
	for i := range 64 {
		n := b.N / 64
		if i < b.N%64 {
			n++
		}
		wg.Go(func() {
			for range n {
				q := &sh.UDR{Identity: alice, References: []sh.Reference{sh.RefIMSUserState, sh.RefSCSCFName}}
				if _, err := as.UDR(b.Context(), q); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "UDR/s")
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkParse reads a file of 5000 subscribers: its time must grow with their number, not with its square.
func BenchmarkParse(b *testing.B) {
	text := []byte("subscribers:\n")
	for i := range 5000 {
		text = fmt.Appendf(text, "  - public: [{id: 'sip:u%d@ims.example', state: registered}]\n    kind: user\n", i)
	}
	for b.Loop() {
		if c, err := Parse(text); err != nil || len(c.Subscribers) != 5000 {
			b.Fatal(err)
		}
	}
}

// cpu returns the processor time of the process: a busy machine makes the clock say little.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
