package digest

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/sip"
)

const (
	mufasaNonce  = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
	mufasaCNonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
)

// TestRFC7616 computes the examples of RFC 7616 3.9.1.
func TestRFC7616(t *testing.T) {
	for a, want := range map[Algorithm]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		x := answer{algorithm: a, user: "Mufasa", realm: "http-auth@example.org", nonce: mufasaNonce, cnonce: mufasaCNonce, nc: "00000001",
			qop: "auth", method: "GET", uri: "/dir/index.html"}
		if got := x.compute(&Secret{Password: "Circle of Life"}); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
}

// TestAnswers: every algorithm and quality, computed elsewhere by another program.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ algorithm, qop, want string }{
		{"MD5", "", "c170da781a80a0ba8834f79e8c6048e7"},
		{"MD5", "auth", "a8deadd2cc80ac4aabd4eadb49afe190"},
		{"MD5", "auth-int", "149bc0c1dc43c8e476c552f0c2c35ac2"},
		{"MD5-sess", "auth", "e98be0bc9c475d71f896330e1817a8b0"},
		{"md5-sess", "auth-int", "7119d01aa7f482929eed2435cbb14e11"},
		{"SHA-256", "", "c04504180608f2794c3650ac51ec2abd3e5e3f33fed1a1d8da5a479eac6a0365"},
		{"SHA-256", "auth", "b9f6e862ef1a5c7f7759e871dea4b33c76ee452c042f6bb43012c44d4578fe0b"},
		{"SHA-256", "auth-int", "6245492e9f9ef6023d5335a8a4b5d746f1be3549317df2c7da6fc4b20c48ba8d"},
		{"SHA-256-sess", "auth", "964b8280122bf1fd8b38057929aea45743d00a823c5c83bc1873e8846cbd1082"},
		{"SHA-256-sess", "auth-int", "e53adfa84b52bfa7100586fa2a4e058980bd0f4dc0219dce9063d59abe264c11"},
		{"SHA-512-256", "", "268b5f4244afe6e9900723ebfa7027eea539e2eb0e9024410b7ebe965bcfe9a1"},
		{"SHA-512-256", "auth", "9b6bd2019a0930edd804ccad453b37938f8c3ca9adf2df8618e953eb6cd3183d"},
		{"SHA-512-256", "auth-int", "ef0b7a448490d87204938017f58e28bc1ff65c698717877f58be4ac11b658d56"},
		{"SHA-512-256-sess", "auth", "b95a85b4a1edbae860d5b23c2f33ae05a5172971a4f1b256d26a1b548abb6315"},
		{"SHA-512-256-sess", "auth-int", "3057ade39f270e3b8622d4e95279b2f123ee51545f926dde1526fdd01cb38476"},
	} {
		header := `Digest realm="http-auth@example.org", nonce="` + mufasaNonce + `", algorithm=` + c.algorithm
		if c.qop != "" {
			header += `, qop="` + c.qop + `"`
		}
		ch, err := ParseChallenge([]byte(header))
		if err != nil {
			t.Fatal(err)
		}
		login := &Login{User: "Mufasa", Secret: Secret{Password: "Circle of Life"}}
		all := Choose([]Challenge{ch}, func(string) *Login { return login }, mufasaCNonce)
		if len(all) != 1 {
			t.Fatalf("%s %s: %d sessions", c.algorithm, c.qop, len(all))
		}
		line := string(all[0].Append(nil, login, "INVITE", "sip:bob@example.org", []byte("v=0\r\n")))
		if !strings.Contains(line, `response="`+c.want+`"`) || strings.Contains(line, "qop") != (c.qop != "") {
			t.Errorf("%s %q: %s, want %s", c.algorithm, c.qop, line, c.want)
		}
		got, err := ParseCredentials([]byte(strings.TrimSuffix(strings.TrimPrefix(line, "Authorization: "), "\r\n")))
		if err != nil || got.User != "Mufasa" || got.QOP != c.qop {
			t.Errorf("%s reads as %+v, %v", line, got, err)
		}
	}
}

// TestHashedSecret: H(user:realm:password) does in the place of the password, for its algorithm alone.
func TestHashedSecret(t *testing.T) {
	plain := Secret{Password: "pw"}
	hashed := Secret{MD5: strings.ToUpper(plain.ha1(MD5, "u", "r")), SHA256: plain.ha1(SHA256, "u", "r")}
	for _, a := range []Algorithm{MD5, MD5Sess, SHA256, SHA256Sess} {
		if !hashed.Can(a) || hashed.ha1(a, "u", "r") != plain.ha1(a, "u", "r") {
			t.Errorf("%s differs", a)
		}
	}
	if hashed.Can(SHA512256) || (&Secret{MD5: "x"}).Can(SHA256) || plain.Can(Unknown) {
		t.Error("an answer without a secret for it")
	}
}

func TestParseChallenge(t *testing.T) {
	for text, want := range map[string]Challenge{
		`Digest realm="a, b=\"c\"", nonce="n", opaque="", stale=TRUE, algorithm=sha-256, qop="auth-int , auth"`: {Realm: `a, b="c"`, Nonce: "n",
			Algorithm: SHA256, Auth: true, Int: true, Stale: true},
		"dIGEST\trealm=x , nonce=y,,":                          {Realm: "x", Nonce: "y", Algorithm: MD5},
		`Digest nonce="y", algorithm=AKAv1-MD5`:                {Nonce: "y"},
		`Digest nonce="y", qop="other"`:                        {Nonce: "y"},
		`Digest nonce="y", algorithm=MD5-sess`:                 {Nonce: "y"}, // without a quality there is no cnonce to make a session of
		`Digest domain="sip:x", charset=UTF-8, nonce="y"`:      {Nonce: "y", Algorithm: MD5},
		`Digest realm="x", nonce="y", unknown="a,b", qop=auth`: {Realm: "x", Nonce: "y", Algorithm: MD5, Auth: true},
	} {
		got, err := ParseChallenge([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	for _, text := range []string{"", "Digest", `Basic realm="x"`, `Digest realm="x"`, `Digest nonce="a", nonce="b"`, `Digest nonce="a`, `Digest nonce`,
		`Digest nonce="a", realm="`, `Digest nonce=a` + strings.Repeat(",x=y", 30)} {
		if c, err := ParseChallenge([]byte(text)); err == nil {
			t.Errorf("%q reads as %+v", text, c)
		}
	}
}

// TestChoose: the first challenge of a realm that can be answered, one for every realm, none where we know no secret.
func TestChoose(t *testing.T) {
	all := []Challenge{
		{Realm: "a", Nonce: "1", Algorithm: Unknown}, {Realm: "a", Nonce: "2", Algorithm: SHA256}, {Realm: "a", Nonce: "3", Algorithm: MD5},
		{Realm: "b", Nonce: "4", Algorithm: MD5}, {Realm: "c", Nonce: "5", Algorithm: MD5}, {Proxy: true, Realm: "a", Nonce: "6", Algorithm: MD5},
	}
	got := Choose(all, func(realm string) *Login {
		if realm == "b" {
			return nil
		}
		return &Login{User: "u", Secret: Secret{Password: "p"}}
	}, "c")
	var nonces string
	for _, s := range got {
		nonces += s.Nonce
	}
	if nonces != "256" {
		t.Errorf("chosen %s, want 256", nonces)
	}
}

var (
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	phone = netip.MustParseAddr("192.0.2.1")
)

func users(user string) (Secret, bool) {
	if user == "alice" {
		return Secret{Password: "wonder"}, true
	}
	return Secret{}, false
}

func verifier() *Verifier {
	v := NewVerifier("home.example", [16]byte{1}, 3, noon)
	v.Secret = users
	return v
}

// request answers a challenge of v's as a phone would.
func request(t *testing.T, v *Verifier, challenge string, pick int, user, password string, n uint32) *sip.Message {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(challenge), "\r\n")
	c, err := ParseChallenge([]byte(strings.TrimPrefix(lines[pick], "WWW-Authenticate: ")))
	if err != nil {
		t.Fatal(err)
	}
	l := &Login{User: user, Secret: Secret{Password: password}}
	s := Session{Challenge: c, CNonce: "mine", Count: n - 1}
	line := s.Append(nil, l, "REGISTER", "sip:home.example", nil)
	return parse(t, string(line))
}

func parse(t *testing.T, line string) *sip.Message {
	t.Helper()
	var m sip.Message
	text := "REGISTER sip:home.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:alice@home.example>;tag=1\r\n" +
		"To: <sip:alice@home.example>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n" + line + "Content-Length: 0\r\n\r\n"
	if err := m.Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &m
}

func TestVerify(t *testing.T) {
	v := verifier()
	fresh := func() string { return string(v.AppendChallenges(nil, phone, noon, uint64(len(t.Name())), false)) }
	if c := fresh(); strings.Count(c, "\r\n") != 2 || strings.Index(c, "SHA-256") > strings.Index(c, "algorithm=MD5") {
		t.Fatalf("challenges, the strongest first: %s", c)
	}
	check := func(what string, m *sip.Message, from netip.Addr, at time.Time, same uint64, want Verdict) {
		t.Helper()
		if user, got := v.Verify(m, from, at, same); got != want || want == Proved && user != "alice" {
			t.Errorf("%s: %s by %q, want %s", what, got, user, want)
		}
	}
	c := fresh()
	check("nothing", parse(t, ""), phone, noon, 1, Absent)
	check("another realm", parse(t, `Authorization: Digest username="alice", realm="x", nonce="y", uri="sip:home.example", response="z"`+"\r\n"), phone, noon, 1, Absent)
	check("another scheme", parse(t, "Authorization: Basic YTpi\r\n"), phone, noon, 1, Absent)
	check("broken", parse(t, "Authorization: Digest username=\r\n"), phone, noon, 1, Malformed)
	check("a wrong password", request(t, v, c, 0, "alice", "x", 1), phone, noon, 1, Wrong)
	check("nobody", request(t, v, c, 0, "bob", "wonder", 1), phone, noon, 1, Wrong)
	check("the fake secret of nobody", request(t, v, c, 0, "bob", "nobody has it", 1), phone, noon, 1, Wrong)
	check("from elsewhere", request(t, v, c, 0, "alice", "wonder", 1), netip.MustParseAddr("192.0.2.2"), noon, 1, Stale)
	check("SHA-256", request(t, v, c, 0, "alice", "wonder", 1), phone, noon, 1, Proved)
	check("MD5", request(t, v, c, 1, "alice", "wonder", 2), phone, noon, 2, Proved)
	check("a repetition", request(t, v, c, 1, "alice", "wonder", 2), phone, noon, 2, Proved)
	check("a replay", request(t, v, c, 1, "alice", "wonder", 2), phone, noon, 3, Stale)
	check("an older replay", request(t, v, c, 0, "alice", "wonder", 1), phone, noon, 1, Stale)
	check("a later count", request(t, v, c, 0, "alice", "wonder", 9), phone, noon, 4, Proved)
	check("one between", request(t, v, c, 0, "alice", "wonder", 5), phone, noon, 5, Proved)
	check("that again", request(t, v, c, 0, "alice", "wonder", 5), phone, noon, 6, Stale)
	check("after its life", request(t, v, c, 0, "alice", "wonder", 10), phone, noon.Add(6*time.Minute), 7, Stale)
	m := request(t, v, c, 0, "alice", "wonder", 11)
	m.RequestURI = []byte("sip:other@home.example")
	check("for another Request-URI", m, phone, noon, 8, Wrong)
	v.Algorithms = []Algorithm{SHA256}
	check("a weaker algorithm", request(t, v, c, 1, "alice", "wonder", 12), phone, noon, 9, Wrong)
}

// TestNonceElsewhere: a nonce of another node, key, realm or time is answered with a new one.
func TestNonceElsewhere(t *testing.T) {
	v := verifier()
	c := string(v.AppendChallenges(nil, phone, noon, 1, false))
	for name, change := range map[string]func(*Verifier){
		"node":     func(v *Verifier) { v.node = 4 },
		"key":      func(v *Verifier) { v.key[0]++ },
		"restart":  func(v *Verifier) { v.start = noon.Add(time.Second) },
		"the same": nil,
	} {
		o := verifier()
		want := Proved
		if change != nil {
			change(o)
			want = Stale
		}
		if _, got := o.Verify(request(t, o, c, 0, "alice", "wonder", 1), phone, noon.Add(time.Second), 1); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestNoCounts: a peer of RFC 2069 has one answer for a nonce.
func TestNoCounts(t *testing.T) {
	v := verifier()
	c, _ := ParseChallenge([]byte(strings.TrimPrefix(strings.Split(string(v.AppendChallenges(nil, phone, noon, 1, false)), "\r\n")[1], "WWW-Authenticate: ")))
	c.Auth = false
	for i, want := range []Verdict{Proved, Stale} {
		s := Session{Challenge: c}
		m := parse(t, string(s.Append(nil, &Login{User: "alice", Secret: Secret{Password: "wonder"}}, "REGISTER", "sip:home.example", nil)))
		if _, got := v.Verify(m, phone, noon, uint64(i+1)); got != want {
			t.Errorf("answer %d: %s, want %s", i, got, want)
		}
	}
}

// TestGuard: a nonce that lost its place is never believed again, whatever comes.
func TestGuard(t *testing.T) {
	var g guard
	if !g.once(7, 100, 1, 1) || !g.once(7+guardSlots, 200, 1, 2) || g.once(7, 100, 2, 3) || g.once(7, 100, 1, 1) || !g.once(7+guardSlots, 200, 2, 4) {
		t.Error("a nonce without its place is believed, or one with it is not")
	}
	if !g.once(7+2*guardSlots, 300, 100, 5) || !g.once(7+2*guardSlots, 300, 99, 6) || g.once(7+2*guardSlots, 300, 99, 7) || g.once(7+2*guardSlots, 300, 30, 8) ||
		!g.once(7+2*guardSlots, 300, 36, 9) {
		t.Error("counts within 64 below the highest are believed once, none below")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`Digest realm="a", nonce="b", qop="auth,auth-int", algorithm=SHA-256, stale=true, opaque="c"`))
	f.Add([]byte(`Digest username="u", realm="a", nonce="b", uri="sip:x", response="0", cnonce="c", nc=00000001, qop=auth`))
	f.Add([]byte("Digest nonce=\"\\\"\", , a=b"))
	f.Add([]byte("Digest nonCe=\x820")) // no UTF-8
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseChallenge(b); err == nil && c.Algorithm != Unknown {
			back, err := ParseChallenge([]byte(strings.TrimSuffix(strings.SplitN(string(AppendChallenge(nil, &c)), ": ", 2)[1], "\r\n")))
			c.Opaque = "" // ours have none
			c.Realm, c.Nonce = printable(c.Realm), printable(c.Nonce)
			if c.Nonce != "" && (err != nil || back != c) {
				t.Errorf("%q reads as %+v, its print as %+v, %v", b, c, back, err)
			}
		}
		if c, err := ParseCredentials(b); err == nil {
			v := verifier()
			m := parse(t, "")
			m.Add(sip.HdrAuthorization, b)
			if _, is := v.Verify(m, phone, noon, 1); is == Proved {
				t.Errorf("%+v proves something", c)
			}
		}
	})
}

// printable is a text as quote prints it: without control characters, its other bytes as they are.
func printable(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(c byte) bool { return c < ' ' || c == 0x7f }))
}
