package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// menuParts is a menu with what the samples do not show, one thing after the other.
const menuParts = `
languages: [en, de]
on_error: broken
calendars:
  always: {open: {daily: "00:00-24:00"}}
  never: {open: {daily: closed}}
  feast: {open: {daily: "00:00-24:00"}, holidays: [FEAST]}
vars: {times: 3}
nodes:
  greet: {say: {en: Good day, de: Guten Tag}, next: open}
  open: {hours: always, open: closed, closed: wrong}
  closed: {hours: never, open: wrong, closed: feast}
  feast: {hours: feast, open: wrong, closed: wrong, holiday: hours}
  hours: {say: All hours are right, next: multiply}
  multiply: {sub: product, with: {a: "${times}"}, take: {result: product}, next: result}
  result: {say: "The product is ${result}", next: sh}
  sh: {lookup: {sh: "sip:alice@ims.example.org"}, into: alice, not_found: wrong, next: scscf}
  scscf: {say: "Alice is at ${alice.scscf}", next: ldap}
  ldap: LDAP
  carol: {say: "Carol is called ${carol.username}", next: missing}
  missing: {play: nowhere, next: prompt}
  prompt: {play: nowhere, failed: {say: A prompt is missing, next: hook}}
  hook: {hook: "http://HANGS/", timeout: 200ms, retries: 1, failed: {say: The other end hangs, next: choose}, next: wrong}
  choose: {say: Choose, menu: {123456789: wrong}, retries: 2, no_match: {say: Not that}, failed: {say: You press everything, next: end}}
  wrong: {say: This is wrong, next: end}
  broken: {say: "Broken, ${error}", next: end}
subs:
  product:
    params: [a]
    results: [product]
    nodes:
      ask: {say: How often, collect: b, max: 1, validate: b != "0", no_match: {say: Not nought}, next: multiply}
      multiply: {set: {product: "${int(a) * int(b)}"}, next: end}
`

// startDirectory runs a slapd that knows Carol; false where there is none.
func startDirectory(t *testing.T, addr string) bool {
	t.Helper()
	for _, tool := range []string{"slapd", "slapadd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("%s is not installed (Debian: slapd): no look-up by LDAP", tool)
			return false
		}
	}
	dir := t.TempDir()
	conf, data := filepath.Join(dir, "slapd.conf"), filepath.Join(dir, "carol.ldif")
	for file, text := range map[string]string{conf: strings.ReplaceAll(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile DIR/pid
database mdb
suffix "dc=example"
rootdn "cn=bifrons,dc=example"
directory DIR
`, "DIR", dir), data: "dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n" +
		"dn: uid=carol,dc=example\nobjectClass: inetOrgPerson\nuid: carol\ncn: Carol\nsn: Example\nmail: sip:carol@ims.example.org\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("slapadd", "-f", conf, "-l", data).CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	cmd := exec.Command("slapd", "-f", conf, "-h", "ldap://"+addr, "-d", "0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	eventually(t, patience, "slapd to listen", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return true
}

// TestMenuParts: a call through hours and a holiday, a sub with parameters and a result, look-ups by Sh and LDAP, prompts that are
// missing and a hook that hangs; the caller presses everything. Then the file breaks: calls go on, the next caller in his language.
func TestMenuParts(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	hss := startHome(t, n)
	hangs, err := net.Listen("tcp", n.addr(7, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer hangs.Close() // nobody accepts
	today := time.Now().UTC()
	ldap, source := "{goto: missing}", ""
	if directory := n.addr(6, 3890); startDirectory(t, directory) {
		ldap = `{lookup: {ldap: "sip:carol@ims.example.org"}, into: carol, not_found: wrong, next: carol}`
		source = "\n  - ldap: {url: 'ldap://" + directory + "', base_dn: 'dc=example', filters: {impu: '(mail={value})'}, attributes: {username: uid, public: mail}}"
	}
	text := strings.NewReplacer("HANGS", hangs.Addr().String(), "LDAP", ldap,
		"FEAST", fmt.Sprintf("%s..%s", today.AddDate(0, 0, -1).Format(time.DateOnly), today.AddDate(0, 0, 1).Format(time.DateOnly))).Replace(menuParts)
	file := filepath.Join(t.TempDir(), "parts.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	v := newVoice(t)
	s := start(t, func(set *settings) {
		set.network = n
		set.Side = ", apps: [ivr/parts]"
		set.Users = "diameter: {origin_host: as1.ims.example, origin_realm: ims.example, peers: [{host: hss.ims.example, address: '" + hss.peer +
			"'}]}\nsh: {server_name: 'sip:as1.ims.example'}\nsubscribers:\n  - sh: {username: 'sip:%s@ims.example.org'}" + source +
			"\nprompts: {speech: [{name: test, url: '" + v.url + "'}]}\nivr: {parts: {file: '" + file + "'}}\n"
	})
	d, a := s.dialsMenu(t, v, "200")
	a.hears("Good day")
	a.hears("All hours are right")
	a.hears("How often")
	a.press("0", &weather{})
	a.hears("Not nought")
	a.press("7", &weather{})
	a.hears("The product is 21")
	a.hears("Alice is at sip:scscf.ims.example:6060")
	if source != "" {
		a.hears("Carol is called carol")
	}
	a.hears("A prompt is missing")
	a.hears("The other end hangs")
	a.hears("Choose")
	a.press("*0#98*7A#", &weather{})
	a.hears("You press everything")
	d.isHungUp()

	write(text + "  more: {say: Hello, next: nowhere}\n")
	eventually(t, patience, "the broken file to be told", func() bool {
		return strings.Contains(s.log.String(), "menu is broken, calls go on with the one before")
	})
	if !strings.Contains(s.log.String(), "parts.yaml:") {
		t.Errorf("the log does not say where:\n%s", s.log)
	}
	next := d.ua.dialogTo("200")
	answer := d.ua.answer(next.send("INVITE", sdp(s.media(s.caller()), 31010, 1), "Accept-Language: fr, de-AT;q=0.8, en;q=0.5"), 200)
	next.accept(answer)
	next.ack("")
	b := &listener{odd: speak(t, s.media(s.caller()), 31010, answer.body, 9), v: v}
	b.hears("Guten Tag")
	next.hangsUp()
	s.ended(ending{200, "bifrons"}, hungUp)
}
