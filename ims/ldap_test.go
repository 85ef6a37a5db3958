package ims

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/diameter/sh"
)

// directory is a real slapd with testdata/directory.ldif.
type directory struct {
	t       *testing.T
	dir     string
	plain   string // host:port
	secured string
	cmd     *exec.Cmd
}

// schemas is where Debian's slapd has its own.
const schemas = "/etc/ldap/schema"

func startDirectory(t *testing.T) *directory {
	t.Helper()
	for _, tool := range []string{"slapd", "slapadd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian: slapd)", tool)
		}
	}
	d := &directory{t: t, dir: t.TempDir(), plain: freePort(t), secured: freePort(t)}
	d.certificate()
	schema, err := filepath.Abs("testdata/ims.schema")
	if err != nil {
		t.Fatal(err)
	}
	d.write("slapd.conf", fmt.Sprintf(`
include %[1]s/core.schema
include %[1]s/cosine.schema
include %[1]s/inetorgperson.schema
include %[2]s
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[3]s/pid
TLSCertificateFile %[3]s/cert.pem
TLSCertificateKeyFile %[3]s/key.pem
database mdb
suffix "dc=ims,dc=example"
rootdn "cn=bifrons,dc=ims,dc=example"
rootpw secret
directory %[3]s
access to * by anonymous auth
`, schemas, schema, d.dir))
	d.write("password", "secret\n")
	out, err := exec.Command("slapadd", "-f", filepath.Join(d.dir, "slapd.conf"), "-l", "testdata/directory.ldif").CombinedOutput()
	if err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	d.start()
	t.Cleanup(d.stop)
	return d
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (d *directory) write(name, text string) {
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *directory) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "directory"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		d.t.Fatal(err)
	}
	kb, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	d.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb})))
}

func (d *directory) start() {
	d.t.Helper()
	d.cmd = exec.Command("slapd", "-f", filepath.Join(d.dir, "slapd.conf"), "-h", "ldap://"+d.plain+" ldaps://"+d.secured, "-d", "0")
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", d.plain)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("slapd does not listen: %v", err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (d *directory) stop() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
}

// config is the sample of docs/subscribers.md with this directory's address and files.
func (d *directory) config(url string) LDAPConfig {
	d.t.Helper()
	cfg := DefaultLDAPConfig()
	if err := yaml.UnmarshalWithOptions([]byte(snippet(d.t, 0)), &cfg, yaml.Strict()); err != nil {
		d.t.Fatal(err)
	}
	cfg.URL, cfg.CA, cfg.PasswordFile = url, filepath.Join(d.dir, "cert.pem"), filepath.Join(d.dir, "password")
	return cfg
}

func open(t *testing.T, cfg LDAPConfig) *LDAP {
	t.Helper()
	l, err := NewLDAP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestLDAPAgainstSlapd(t *testing.T) {
	d := startDirectory(t)
	l := open(t, d.config("ldaps://"+d.secured))
	alice := &Subscriber{
		UUID: "2a1f0c4e-0000-4000-8000-000000000001", Username: "alice", Public: []string{"sip:alice@ims.example", "tel:+15551234567"},
		Private: []string{"alice@ims.example"}, MSISDN: []string{"15551234567"}, IMSI: "001010000000001", State: ptr(sh.Registered),
		SCSCF: "sip:scscf.ims.example:6060", Collection: []string{"aaa://ccf1.ims.example"},
		Services: map[string]string{"mmtel": "<simservs/>"}, Attributes: map[string][]string{"preferredLanguage": {"en"}},
	}
	odd := &Subscriber{Username: "odd(1)*", Public: []string{"sip:odd(1)*@ims.example"}}
	tests := []struct {
		q    Query
		want *Subscriber
		err  string
	}{
		{Query{ByIMPU, "sip:alice@IMS.example;user=phone"}, alice, ""},
		{Query{ByIMPU, "tel:+1-555-123-4567"}, alice, ""},
		{Query{ByIMPI, "alice@ims.example"}, alice, ""},
		{Query{ByMSISDN, "+15551234567"}, alice, ""},
		{Query{ByIMSI, "001010000000001"}, alice, ""},
		{Query{ByUsername, "alice"}, alice, ""},
		{Query{ByUUID, alice.UUID}, alice, ""},
		{Query{ByUsername, "odd(1)*"}, odd, ""},
		{Query{ByUsername, "*"}, nil, ErrNotFound.Error()},
		{Query{ByUsername, "alice)(uid=*"}, nil, ErrNotFound.Error()},
		{Query{ByIMPU, "sip:twin@ims.example"}, nil, "several entries"},
		{Query{ByIMPU, "sip:nobody@ims.example"}, nil, ErrNotFound.Error()},
	}
	for _, tt := range tests {
		t.Run(string(tt.q.By)+" "+tt.q.Value, func(t *testing.T) {
			got, err := l.Load(t.Context(), tt.q)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%+v, %v; want %s", got, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.want.UUID == "" {
				got.UUID = "" // slapd made one
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLDAPConnections(t *testing.T) {
	d := startDirectory(t)
	alice := Query{ByUsername, "alice"}
	start := d.config("ldap://" + d.plain)
	start.StartTLS = true
	start.Pool = 3
	l := open(t, start)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := l.Load(t.Context(), alice); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(l.idle); n < 1 || n > 3 || len(l.places) != 0 {
		t.Errorf("%d idle connections and %d in use, of 3", n, len(l.places))
	}

	// The directory restarts: every pooled connection is dead, nobody notices.
	d.stop()
	if _, err := l.Load(t.Context(), alice); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("without a directory: %v", err)
	}
	d.start()
	for range 4 {
		if _, err := l.Load(t.Context(), alice); err != nil {
			t.Error(err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Load(ctx, alice); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want Canceled", err)
	}

	wrong := d.config("ldaps://" + d.secured)
	wrong.CA = ""
	if _, err := open(t, wrong).Load(t.Context(), alice); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("unverified certificate: %v", err)
	}
	anonymous := d.config("ldaps://" + d.secured)
	anonymous.BindDN = ""
	if _, err := open(t, anonymous).Load(t.Context(), alice); err == nil {
		t.Error("read without signing in")
	}
}

func TestLDAPMistakes(t *testing.T) {
	good := func() LDAPConfig {
		c := DefaultLDAPConfig()
		c.URL, c.BaseDN, c.Filters = "ldap://x", "dc=x", map[By]string{ByIMPU: "(a={value})"}
		return c
	}
	for want, change := range map[string]func(*LDAPConfig){
		"needs url":               func(c *LDAPConfig) { c.URL = "" },
		"none of":                 func(c *LDAPConfig) { c.Filters["shoesize"] = "(a={value})" },
		"no {value}":              func(c *LDAPConfig) { c.Filters[ByIMPU] = "(a=b)" },
		"filter impu":             func(c *LDAPConfig) { c.Filters[ByIMPU] = "(a={value}" },
		"no field":                func(c *LDAPConfig) { c.Attributes = map[string]string{"colour": "x"} },
		"start_tls is for":        func(c *LDAPConfig) { c.URL, c.StartTLS = "ldaps://x", true },
		"needs pool":              func(c *LDAPConfig) { c.Pool = 0 },
		"no such file":            func(c *LDAPConfig) { c.PasswordFile = "/nonexistent" },
		"no certificate in /dev/": func(c *LDAPConfig) { c.CA = "/dev/null" },
	} {
		t.Run(want, func(t *testing.T) {
			c := good()
			change(&c)
			if _, err := NewLDAP(c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("err = %v", err)
			}
		})
	}
	c := good()
	if _, err := NewLDAP(c); err != nil {
		t.Error(err)
	}
}
