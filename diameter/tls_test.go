package diameter

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority is a CA of a test's own.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.cert = a.issue("ca", nil, nil)
	return a
}

// issue writes NAME.pem and NAME.key; without a parent it signs itself.
func (a *authority) issue(name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		parent, by = c, key
		c.ExtKeyUsage = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	kb, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "EC PRIVATE KEY", kb)
	if c, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	return key, c
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// files returns the settings of a side that holds a certificate for the name.
func (a *authority) files(name string) *TLSConfig {
	a.issue(name, a.cert, a.key)
	return &TLSConfig{
		CA:   filepath.Join(a.dir, "ca.pem"),
		Cert: filepath.Join(a.dir, name+".pem"), Key: filepath.Join(a.dir, name+".key"),
	}
}

func TestTLSVerifiesBothSides(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	s, err := ca.files("hss.ims.example").Server()
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.AcceptUnknown = "hss.ims.example", realm, true
	hss := endpoint(t, cfg, Handlers{udr: named})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, hss, tls.NewListener(l, s))
	good, thief := ca.files("as.ims.example"), ca.files("other.ims.example")
	tests := []struct {
		name string
		peer PeerConfig
		want string // part of the error; empty: connects
	}{
		{"verified", PeerConfig{Host: "hss.ims.example", TLS: good}, ""},
		{"server of another name", PeerConfig{Host: "hss2.ims.example", TLS: good}, "not hss2.ims.example"},
		{"server of another CA", PeerConfig{Host: "hss.ims.example", TLS: stranger.files("as.ims.example")}, "unknown authority"},
		{"client without a certificate", PeerConfig{Host: "hss.ims.example", TLS: &TLSConfig{CA: good.CA}}, "certificate"},
		{"client with another's certificate", PeerConfig{Host: "hss.ims.example", TLS: thief}, "3010"},
		{"no TLS", PeerConfig{Host: "hss.ims.example"}, "CEA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.peer.Address = l.Addr().String()
			c := DefaultConfig()
			c.OriginHost, c.OriginRealm, c.Peers = "as.ims.example", realm, []PeerConfig{tt.peer}
			as := endpoint(t, c, nil)
			if tt.want == "" {
				as.Start()
				ready(t, as)
				who, _, err := ask(t.Context(), as, Route{Realm: realm})
				if who != "hss.ims.example" || err != nil {
					t.Errorf("got %s, %v", who, err)
				}
				as.Close(t.Context(), Rebooting)
				return
			}
			_, err := (*as.peers.Load())[0].connect(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			as.Close(t.Context(), Rebooting)
		})
	}
}
