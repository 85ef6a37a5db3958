package ctl

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/hss"
	"github.com/bifrons/bifrons/diameter/sh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *hss.Server { return restart(t, "127.0.0.1:0") }

func restart(t *testing.T, address string) *hss.Server {
	t.Helper()
	cfg, err := hss.Load("../../hss/testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg.ApplicationServers, cfg.Listen = nil, address
	s, err := hss.New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func run(t *testing.T, s *hss.Server, o Options, args ...string) (string, error) {
	t.Helper()
	o.Peer, o.Realm, o.OriginHost = s.Addr(), "ims.example", "ctl.ims.example"
	session, err := Open(t.Context(), o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var out bytes.Buffer
	err = session.Run(t.Context(), &out, args)
	return out.String(), err
}

func TestCommands(t *testing.T) {
	s := start(t)
	const alice = "sip:alice@ims.example"
	tests := []struct {
		line string
		o    Options
		want string
	}{
		{"user-state " + alice, Options{}, "Sh-IMS-Data\n  IMSUserState: REGISTERED\n"},
		{"user-state " + alice, Options{Domain: "cs"}, "CSUserState: AssumedIdle\n"},
		{"user-state " + alice, Options{JSON: true}, `{"Sh-IMS-Data":{"IMSUserState":"REGISTERED"}}` + "\n"},
		{"user-state " + alice, Options{XML: true}, `<Sh-Data><Sh-IMS-Data><IMSUserState>1</IMSUserState></Sh-IMS-Data></Sh-Data>` + "\n"},
		{"user-state " + alice, Options{Trace: true}, "Data-Reference (703/10415) VM 11 IMSUserState"},
		{"scscf " + alice, Options{}, "SCSCFName: sip:scscf.ims.example:6060"},
		{"identities " + alice, Options{IdentitySet: "registered"}, "IMSPublicIdentity: tel:+15551234567\n"},
		{"location " + alice, Options{Domain: "cs", Active: true}, "CurrentLocationRetrieved: true"},
		{"ifc " + alice, Options{ServerName: "sip:as.ims.example"}, "ServerName: sip:as.ims.example\n"},
		{"charging " + alice, Options{}, "PrimaryChargingCollectionFunctionName: aaa://ccf1.ims.example"},
		{"msisdn " + alice, Options{}, "MSISDN: 15551234567"},
		{"psi sip:conference@ims.example", Options{}, "PSIActivation: ACTIVE"},
		{"dsai " + alice + " mute", Options{ServerName: "sip:as.ims.example"}, "DSAI-Value: ACTIVE"},
		{"get 15551234567 IMSI", Options{}, "IMSI: 001010000000001\n"},
		{"get " + alice + " 27", Options{Private: "alice@ims.example"}, "STN-SR: 15550000001\n"},
		{"repository get " + alice + " mmtel", Options{}, `ServiceData: <simservs xmlns="urn:x"/>`},
		{"repository put " + alice + " app", Options{In: strings.NewReader("<x/>")}, "app stored with sequence number 0\n"},
		{"repository delete " + alice + " app", Options{}, "app deleted\n"},
		{"repository get " + alice + " app", Options{}, "nothing\n"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			got, err := run(t, s, tt.o, strings.Fields(tt.line)...)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	s := start(t)
	for line, want := range map[string]string{
		"user-state":                         "usage: user-state IDENTITY",
		"user-state nobody":                  "is no SIP or tel URI",
		"user-state sip:nobody@ims.example":  "5001 DIAMETER_ERROR_USER_UNKNOWN from hss.ims.example (treat as unknown user)",
		"sing sip:alice@ims.example":         "no such command",
		"get sip:alice@ims.example Shoesize": "is no data reference",
		"ifc sip:alice@ims.example":          "needs --server-name",
	} {
		t.Run(line, func(t *testing.T) {
			if _, err := run(t, s, Options{}, strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("err = %v, want %q", err, want)
			}
		})
	}
	_, err := Open(t.Context(), Options{Peer: "127.0.0.1:1", Realm: "x", OriginHost: "c.x", Timeout: 100 * time.Millisecond}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("err = %v", err)
	}
}

func TestSubscribePrintsNotifications(t *testing.T) {
	s := start(t)
	session, err := Open(t.Context(), Options{Peer: s.Addr(), Realm: "ims.example", OriginHost: "ctl.ims.example", JSON: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	r, w := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		err := session.Run(ctx, w, []string{"subscribe", "sip:alice@ims.example", "RepositoryData", "mmtel"})
		w.Close()
		done <- err
	}()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(r); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	if got := <-lines; !strings.Contains(got, "simservs") {
		t.Errorf("first line %s", got)
	}
	as := sh.NewClient(session.endpoint, diameter.Route{Realm: "ims.example"})
	if _, err := as.UpdateRepositoryData(t.Context(), sh.Public("sip:alice@ims.example"), "mmtel",
		func(sh.RawXML) (sh.RawXML, error) { return sh.RawXML("<changed/>"), nil }); err != nil {
		t.Fatal(err)
	}
	if got := <-lines; !strings.Contains(got, "<changed/>") {
		t.Errorf("second line %s", got)
	}
	// An HSS that was restarted knows nothing of the subscription: it is made again, and prints the data as they are.
	s.Close(t.Context())
	restart(t, s.Addr())
	if got := <-lines; !strings.Contains(got, "simservs") {
		t.Errorf("third line %s", got)
	}
	stop()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, open := <-lines; open {
		t.Error("more lines")
	}
}
