package configs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBeside: what the server reads lies beside the configuration, what it writes where it runs; whole paths are as they are.
func TestBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := []byte(`
sides:
  core: {listen: "tls:127.0.0.1:5061", tls: {cert: me.pem, key: keys/me.key, ca: /etc/ca.pem}, apps: [mine]}
users: [{name: alice, password: "file:word"}, {name: bob, password_file: ../bob}]
diameter: {origin_host: as.example, origin_realm: example, peers: [{address: "127.0.0.1:3868", tls: {server_name: hss.example, ca: ca.pem, cert: d.pem, key: d.key}}]}
subscribers:
  - {file: people.yaml}
  - {ldap: {url: "ldaps://ldap.example", base_dn: dc=example, filters: {impu: "(sip={value})"}, ca: l.pem, password_file: l.word}}
ivr: {mine: {file: menus/mine.yaml, recordings: tapes}}
prompts: {directory: prompts}
dns: {hosts: hosts}
media: {recordings: memos}
cdr: {file: records/cdr.jsonl}
admin: {listen: "127.0.0.1:8070", token_file: token, tls: {cert: a.pem, key: a.key, ca: aca.pem}}
`)
	for name, content := range map[string]string{"bifrons.yaml": string(text), "word": "secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := Known{Apps: []string{"mine"}}
	names := func(c *Config) []string {
		side, peer, ldap := c.Sides[0], c.Diameter.Peers[0], c.Subscribers[1].LDAP
		return []string{side.TLS.Cert, side.TLS.Key, side.TLS.CA, c.Users[1].PasswordFile, peer.TLS.CA, peer.TLS.Cert, peer.TLS.Key, c.Subscribers[0].File, ldap.CA, ldap.PasswordFile,
			c.Menus[0].File, c.Prompts.Directory, c.DNS.Hosts, c.Admin.TokenFile, c.Admin.TLS.Cert, c.Admin.TLS.Key, c.Admin.TLS.CA,
			c.Menus[0].Recordings, c.Media.Recordings, c.CDR.File}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	want := []string{at("me.pem"), at("keys/me.key"), "/etc/ca.pem", filepath.Join(filepath.Dir(dir), "bob"), at("ca.pem"), at("d.pem"), at("d.key"), at("people.yaml"), at("l.pem"), at("l.word"),
		at("menus/mine.yaml"), at("prompts"), at("hosts"), at("token"), at("a.pem"), at("a.key"), at("aca.pem"), "tapes", "memos", "records/cdr.jsonl"}
	loaded, err := Load(at("bifrons.yaml"), known)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, names(loaded)); d != "" || loaded.Users[0].Password != "secret" {
		t.Errorf("want - got +\n%s", d)
	}
	sent, settings, err := ParseSettingsIn(dir, "new.yaml", text, known)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, names(sent)); d != "" {
		t.Errorf("of a text: want - got +\n%s", d)
	}
	_, same, err := LoadSettings(at("bifrons.yaml"), known)
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(settings, same); len(d) != 0 {
		t.Errorf("the same is different: %v", d)
	}
}
