package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// overTCP makes a SIPp speak over one TCP connection.
func overTCP(p phone) phone {
	p.args = append(append([]string(nil), p.args...), "-t", "t1")
	return p
}

// TestStreams: SIPp on one leg or both over TCP; the other leg is as it was.
func TestStreams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		caller, callee bool // over TCP
		call           int  // of plain
	}{
		{"caller over TCP", true, false, 0}, {"callee over TCP", false, true, 0}, {"both over TCP", true, true, 0},
		{"busy", true, true, 1}, {"cancelled", true, true, 5}, {"callee holds", false, true, 8}, {"offer in the 200", true, true, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			call := plain[c.call]
			s := start(t, func(o *settings) {
				if c.callee {
					o.Targets = "'sip:" + o.callee() + ";transport=tcp'"
				}
			})
			caller, callee := call.caller, call.callee
			if c.caller {
				caller = overTCP(caller)
			}
			if c.callee {
				callee = overTCP(callee)
			}
			b := callee.start(t, s.callee(), "")
			a := caller.start(t, s.caller(), s.core())
			a.wait()
			b.wait()
			s.ended(call.want)
		})
	}
}

// TestOnAStream: requests in one write and in pieces, a ping, what cannot be framed, and a thousand connections that say nothing.
func TestOnAStream(t *testing.T) {
	t.Parallel()
	s := start(t)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.core())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}
	options := func(n int, length string) string {
		return fmt.Sprintf("OPTIONS sip:x@%s SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bKstream%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: s%d\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n%s\r\n",
			s.core(), s.caller(), n, n, length)
	}
	c := dial()
	text := "\r\n\r\n" + options(1, "Content-Length: 0\r\n") + options(2, "l: 0\r\n") + options(3, "")
	for len(text) > 0 {
		n := min(100, len(text))
		if _, err := io.WriteString(c, text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	all, err := io.ReadAll(c)
	got := string(all)
	if err != nil || !strings.HasPrefix(got, "\r\nSIP/2.0 200 ") || strings.Count(got, "SIP/2.0 200 ") != 2 || strings.Count(got, "SIP/2.0 400 ") != 1 {
		t.Errorf("%v, got\n%s", err, got)
	}
	for range 1000 {
		if c, err := net.Dial("tcp", s.core()); err == nil {
			defer c.Close()
		}
	}
	caller, callee := s.phones()
	call := s.connect(caller, callee)
	call.hangUp(call.a, call.b)
	s.ended(hungUp)
}

// TestNoListener: a caller over TCP, whose Contact takes no connection, gets the callee's BYE on its own one.
func TestNoListener(t *testing.T) {
	t.Parallel()
	s := start(t)
	callee := newUA(t, s.callee(), s.carrier(), "hidden")
	c, err := net.Dial("tcp", s.core())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := ""
	read := func(end string) {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		for b := make([]byte, 8192); !strings.Contains(got, end); {
			n, err := c.Read(b)
			if got += string(b[:n]); err != nil {
				t.Fatalf("%v after\n%s", err, got)
			}
		}
	}
	request := func(method, to, body string) {
		fmt.Fprintf(c, "%[1]s sip:bob@%[2]s SIP/2.0\r\nVia: SIP/2.0/TCP %[3]s;branch=z9hG4bKno%[1]s\r\nFrom: <sip:alice@home.example>;tag=secrettag\r\nTo: %[4]s\r\n"+
			"Call-ID: secretcall2\r\nCSeq: 1 %[1]s\r\nMax-Forwards: 70\r\nContact: <sip:alice@%[3]s;transport=tcp>\r\nContent-Type: application/sdp\r\nContent-Length: %[5]d\r\n\r\n%[6]s",
			method, s.core(), s.addr(11, 7999), to, len(body), body)
	}
	request("INVITE", "<sip:bob@as.example>", sdp(s.media(s.caller()), 31000, 1))
	inv := callee.request("INVITE")
	res := callee.reply(inv, "200 OK", unique("hidden-tag-"), sdp(s.media(s.callee()), 33000, 1))
	read("SIP/2.0 200 OK")
	_, to, _ := strings.Cut(got[strings.Index(got, "SIP/2.0 200 OK"):], "\r\nTo: ")
	to, _, _ = strings.Cut(to, "\r\n")
	request("ACK", to, "")
	callee.request("ACK")
	bye := callee.answered(inv, res).send("BYE", "")
	callee.answer(bye, 200)
	read("BYE sip:alice@" + s.addr(11, 7999))
}

// TestLargeInvite: what does not fit into a packet goes over TCP; to a callee that takes none, and where the side wants it so, in
// a datagram.
func TestLargeInvite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		tcp, only bool
		want      string
	}{{"to one who takes TCP", true, false, "TCP"}, {"to one who takes none", false, false, "UDP"}, {"with udp_only", true, true, "UDP"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(o *settings) {
				o.Policy = "transparent"
				if c.only {
					o.Side = ", udp_only: true"
				}
			})
			caller, callee := s.phones()
			got := make(chan string, 1)
			if c.tcp {
				l, err := net.Listen("tcp", s.callee())
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				go func() { // ends with the listener
					conn, err := l.Accept()
					if err != nil {
						return
					}
					defer conn.Close()
					b := make([]byte, 8192)
					n, _ := conn.Read(b)
					m, err := parse(string(b[:n]))
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, "SIP/2.0 486 Busy Here\r\nVia: "+m.get("Via")+"\r\nFrom: "+m.get("From")+"\r\nTo: "+m.get("To")+";tag=busy\r\nCall-ID: "+m.get("Call-ID")+"\r\nCSeq: "+m.get("CSeq")+"\r\nContent-Length: 0\r\n\r\n")
					got <- m.raw
					_, _ = conn.Read(b) // the ACK
				}()
			}
			inv := caller.dialogTo("bob").send("INVITE", sdp(s.media(s.caller()), 31000, 1), "X-Large: "+strings.Repeat("x", 1300))
			if c.want == "UDP" {
				m := callee.request("INVITE")
				callee.reply(m, "486 Busy Here", unique("hidden-tag-"), "")
				got <- m.raw
			}
			caller.answer(inv, 486)
			select {
			case text := <-got:
				if !strings.Contains(text, "Via: SIP/2.0/"+c.want+" ") || len(text) < 1300 {
					t.Errorf("over %s came\n%s", c.want, text)
				}
			case <-time.After(patience):
				t.Error("no INVITE came")
			}
		})
	}
}

// authority signs certificates and writes them into a folder.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	a.cert, a.key = a.sign("authority")
	a.pool.AddCert(a.cert)
	a.write("ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

func (a *authority) sign(name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IsCA: a.cert == nil, BasicConstraintsValid: true}
	parent, signer := c, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	return c, key
}

func (a *authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// issue writes NAME.pem and NAME.key, and returns them for a Go program.
func (a *authority) issue(file, name string) tls.Certificate {
	c, key := a.sign(name)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(file+".pem", "CERTIFICATE", c.Raw)
	a.write(file+".key", "EC PRIVATE KEY", der)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

// TestTLS: a call from a caller with a certificate to a callee with another, both over TLS; who has none, or a wrong one, is
// refused on either side; a renewed certificate is shown without a restart.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ca.issue("bifrons", "as.example")
	mine, theirs := ca.issue("caller", "caller.example"), ca.issue("callee", "carrier.example")
	n := newNetwork(t)
	file := filepath.Join(t.TempDir(), "tls.yaml")
	files := fmt.Sprintf("cert: %[1]s/bifrons.pem, key: %[1]s/bifrons.key, ca: %[1]s/ca.pem", ca.dir)
	config := fmt.Sprintf("sides:\n  core: {listen: 'tls:%s', trust: home, tls: {%s, mutual: true}}\n  carrier: {listen: 'tls:%s', next_hop: 'sip:%s;transport=tls', tls: {%s, name: carrier.example}}\nroutes: [{from: core, to: carrier}]\nadmin: {listen: '%s'}\ncdr: {file: ''}\n",
		n.addr(1, 5061), files, n.addr(2, 5061), n.addr(12, 5061), files, n.admin())
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	log := &output{}
	server := exec.Command(built(t, checked), "serve", "-c", file)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil || t.Failed() {
			t.Errorf("the server ended with %v:\n%s", err, log)
		}
	})
	eventually(t, 30*time.Second, "the server listens", func() bool { return listening(t, n.addr(1, 5061)) })

	if c, err := tls.Dial("tcp", n.addr(1, 5061), &tls.Config{RootCAs: ca.pool, ServerName: "as.example"}); err == nil {
		if _, err = c.Read(make([]byte, 1)); err == nil {
			t.Error("who shows no certificate is served")
		}
		c.Close()
	}
	callee, err := tls.Listen("tcp", n.addr(12, 5061), &tls.Config{Certificates: []tls.Certificate{theirs}, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	defer callee.Close()
	invites := make(chan string, 1)
	go func() { // ends with the connection
		c, err := callee.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 8192)
		read, _ := c.Read(b)
		m, err := parse(string(b[:read]))
		if err != nil {
			invites <- err.Error()
			return
		}
		_, _ = io.WriteString(c, "SIP/2.0 486 Busy Here\r\nVia: "+m.get("Via")+"\r\nFrom: "+m.get("From")+"\r\nTo: "+m.get("To")+";tag=busy\r\nCall-ID: "+m.get("Call-ID")+"\r\nCSeq: "+m.get("CSeq")+"\r\nContent-Length: 0\r\n\r\n")
		invites <- m.raw
		_, _ = c.Read(b) // the ACK
	}()
	c, err := tls.Dial("tcp", n.addr(1, 5061), &tls.Config{RootCAs: ca.pool, ServerName: "as.example", Certificates: []tls.Certificate{mine}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	from := c.LocalAddr().String()
	fmt.Fprintf(c, "INVITE sip:bob@as.example SIP/2.0\r\nVia: SIP/2.0/TLS %[1]s;branch=z9hG4bKtls1\r\nFrom: <sip:alice@home.example>;tag=secrettag\r\nTo: <sip:bob@as.example>\r\nCall-ID: secretcall1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:alice@%[1]s;transport=tls>\r\nContent-Length: 0\r\n\r\n", from)
	b, got := make([]byte, 8192), ""
	for !strings.Contains(got, "SIP/2.0 486") {
		read, err := c.Read(b)
		if got += string(b[:read]); err != nil {
			t.Fatalf("%v after\n%s", err, got)
		}
	}
	if inv := <-invites; !strings.Contains(inv, "Via: SIP/2.0/TLS "+n.addr(2, 5061)) || !strings.Contains(inv, ";transport=tls>") || strings.Contains(inv, "secret") {
		t.Errorf("the callee got\n%s", inv)
	}

	ca.issue("bifrons", "renewed.example")
	eventually(t, 10*time.Second, "the renewed certificate is shown", func() bool {
		c, err := tls.Dial("tcp", n.addr(1, 5061), &tls.Config{RootCAs: ca.pool, ServerName: "renewed.example", Certificates: []tls.Certificate{mine}})
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}
