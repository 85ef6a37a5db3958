package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const labDomain = "ims.mnc001.mcc001.3gppnetwork.org"

// away writes the file of subscribers: Carol, who is never registered, with the number that she has left, if any, and how calls get there.
func away(t *testing.T, file, number string, by ...string) {
	t.Helper()
	text := "- public: ['sip:15550000003@" + labDomain + "']\n"
	if number != "" {
		text += "  services: {reachability: '<reachability><divert-to by=\"" + strings.Join(by, "") + "\">" + number + "</divert-to></reachability>'}\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serveAS runs the server on the sample ims-as, with a file of subscribers and some words replaced by others.
func serveAS(t *testing.T, users string, replace ...string) *server {
	t.Helper()
	text, err := os.ReadFile("../configs/ims-as.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "bifrons.yaml")
	all := strings.NewReplacer(replace...).Replace(string(text) + "\nsubscribers: [{file: " + users + "}]\n")
	if err := os.WriteFile(file, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	return serve(t, built(t, checked), network{}, "127.0.0.1:8070", dir, file)
}

// TestLabAS: registrations in each form of their body, calls in each form of the original dialog identifier, and a call that is
// retargeted because the callee is not registered: Alice calls Carol, and Bob answers. In one of the labs the S-CSCF asks for Carol's
// own services for the call that she sends on, and then she lets the caller's network send it on, by 302.
func TestLabAS(t *testing.T) {
	isolated(t, func(t *testing.T) {
		for odi, body := range map[string]string{"user": "multipart", "uriparam": "response", "hdrparam": "serviceinfo"} {
			t.Run(odi+" "+body, func(t *testing.T) {
				users := filepath.Join(t.TempDir(), "users.yaml")
				away(t, users, "")
				cdiv := map[bool]int{odi == "user": 1}[true]
				l := startLab(t, "ODI="+odi, "REG_BODY="+body, "ISC_CDIV="+strconv.Itoa(cdiv))
				s := serveAS(t, users, "trust: home ", "trust: home\n    redirect: follow", "    rest:", "    sent-on: {cases: diverted, apps: [example]}\n    rest:")
				l.register(t, "bob", "alice")
				s.registrations(2, body)
				// Nobody is there, and there is no number.
				text, err := l.script("ua/sipp.sh", "call", "alice", "carol")
				if err == nil || !strings.Contains(text, "SIP/2.0 480") {
					t.Errorf("call to carol: %v, want 480 in\n%s", err, text)
				}
				s.idle()
				if r := s.records(2); !strings.Contains(r[0].Cause+r[1].Cause, "not registered") {
					t.Errorf("nobody said that carol is not registered: %+v", r)
				}
				away(t, users, "sip:15550000002@"+labDomain)
				eventually(t, patience, "the file is read again", func() bool {
					text, err := s.get("/v1/subscribers/sip:15550000003@" + labDomain)
					return err == nil && strings.Contains(text, "divert-to")
				})
				text = l.answered(t, "alice", "carol")
				if !strings.Contains(text, "SIP/2.0 181") {
					t.Errorf("want 181 in\n%s", text)
				}
				s.idle()
				s.records(5 + cdiv) // the caller's half, Carol's that was sent on, perhaps her half as one who sends on, and Bob's
				l.sees(t, "bob.msg", "\nSubject: Call by way of Bifrons\n", cdiv == 1)
				l.diverted(t)
				l.speech(t)
				if cdiv == 0 {
					return
				}
				away(t, users, "sip:15550000002@"+labDomain, "redirect")
				eventually(t, patience, "the file is read again", func() bool {
					text, err := s.get("/v1/subscribers/sip:15550000003@" + labDomain)
					return err == nil && strings.Contains(text, "redirect")
				})
				l.answered(t, "alice", "carol")
				s.idle()
				redirected := 0
				for _, r := range s.records(9)[6:] { // the caller's half, which follows the 302, Carol's, and Bob's
					redirected += map[int]int{302: 1}[r.Status]
				}
				if redirected != 1 {
					t.Errorf("%d calls were redirected", redirected)
				}
			})
		}
	})
}

// answered has a telephone call another number, and Bob answer.
func (l *lab) answered(t *testing.T, who, whom string) string {
	t.Helper()
	text, err := l.call(t, who, whom)
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	return text
}

// sees looks for words in what a telephone got and sent.
func (l *lab) sees(t *testing.T, file, words string, want bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.run, file))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ReplaceAll(string(text), "\r", ""), words) != want {
		t.Errorf("%s: %q is there: %v\n%s", file, words, !want, text)
	}
}

// registrations looks at what the S-CSCF has told, by the API and by the command line.
func (s *server) registrations(n int, body string) {
	s.t.Helper()
	var page struct {
		Registrations []struct {
			User, SCSCF, By, Visited, Access string
			Registered                       bool
			Identities                       []string
			Contacts                         []struct{ URI, Instance, Features string }
			ServiceInfo                      string `json:"service_info"`
		}
	}
	eventually(s.t, 5*time.Second, "the registrations are known", func() bool {
		text, err := s.get("/v1/registrations")
		return err == nil && json.Unmarshal([]byte(text), &page) == nil && len(page.Registrations) == n
	})
	for _, g := range page.Registrations {
		if !g.Registered || g.By != "REGISTER" || g.SCSCF != "sip:127.0.0.2:5060" || !strings.Contains(g.Visited, "visited.") || !strings.Contains(g.Access, "utran-cell-id") {
			s.t.Errorf("%+v", g)
		}
		phone := body == "request" || body == "response" || body == "multipart"
		answer := body == "response" || body == "multipart"
		alias := strings.Replace(g.User, "sip:", "sip:alias", 1)
		if answer != slices.Contains(g.Identities, alias) || answer != slices.Contains(g.Identities, "tel:+"+g.User[4:15]) {
			s.t.Errorf("body %s: %+v", body, g)
		}
		if (len(g.Contacts) == 1) != phone || (g.ServiceInfo == "lab-service-info") != (body == "serviceinfo" || body == "multipart") {
			s.t.Errorf("body %s: %+v", body, g)
		}
		if phone && (g.Contacts[0].Instance != "urn:gsma:imei:35000000-000000-0" || !strings.Contains(g.Contacts[0].Features, "icsi-ref")) {
			s.t.Errorf("%+v", g.Contacts)
		}
	}
	out, err := ctl(s.t, "registrations", "sip:15550000002@"+labDomain, "--admin", s.api)
	if err != nil || !strings.Contains(out, "registered") || strings.Contains(out, "15550000001@") {
		s.t.Errorf("bifrons ctl registrations: %v\n%s", err, out)
	}
	out, err = ctl(s.t, "explain", "--to", "sip:15550000003@"+labDomain, "--served", "<sip:15550000003@"+labDomain+">;sescase=term;regstate=unreg", "--admin", s.api)
	if err != nil || !strings.Contains(out, "terminating-unregistered") || !strings.Contains(out, "yes: reachability@") {
		s.t.Errorf("bifrons ctl explain: %v\n%s", err, out)
	}
}

// diverted looks at what the telephones saw of a call that was sent on.
func (l *lab) diverted(t *testing.T) {
	t.Helper()
	const way = "<sip:15550000003@" + labDomain + ">;index=1, <sip:15550000002@" + labDomain + ";cause=404>;index=1.1;mp=1"
	for phone, what := range map[string]string{"alice.msg": "SIP/2.0 181", "bob.msg": "INVITE sip:"} {
		text, err := os.ReadFile(filepath.Join(l.run, phone))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), what)
		if head, _, _ := strings.Cut(after, "\n\n"); !strings.Contains(strings.ReplaceAll(head, "\r", ""), "History-Info: "+way) {
			t.Errorf("%s: no History-Info %s in\n%s", phone, way, head)
		}
	}
}

// TestLabHangs: the server is full, or stands still, or refuses all because it stops. With default handling 0 the S-CSCF completes the call
// without it, with 1 the call ends; and the server that goes on again has nothing left over.
func TestLabHangs(t *testing.T) {
	for handling, completes := range map[string]bool{"0": true, "1": false} {
		t.Run("default handling "+handling, func(t *testing.T) { labHangs(t, handling, completes) })
	}
}

func labHangs(t *testing.T, handling string, completes bool) {
	isolated(t, func(t *testing.T) {
		users := filepath.Join(t.TempDir(), "users.yaml")
		away(t, users, "")
		l := startLab(t, "DEFAULT_HANDLING="+handling)
		s := serveAS(t, users, "admin:", "calls: {max: 1}\nadmin:")
		call := func(what string) {
			t.Helper()
			l.register(t, "alice", "bob")
			text, err := l.call(t, "alice", "bob")
			if (err == nil) != completes {
				t.Errorf("%s: %v\n%s", what, err, text)
			}
		}
		if !completes { // Bob is there for a call that never comes: he need not wait for long
			l.env = append(l.env, "TIMEOUT=9")
		}
		call("the server takes the caller's half, and is full for the callee's")
		s.idle()
		s.records(1)
		if n := s.metric(`bifrons_b2bua_admission_refused_total{gate="all",why="calls"}`); n != 1 {
			t.Errorf("%v calls were turned away", n)
		}
		s.cmd.Process.Signal(syscall.SIGSTOP)
		call("the server stands still")
		s.cmd.Process.Signal(syscall.SIGCONT)
		s.idle()
		s.stop(5 * time.Second)
		// Another one stops while a call lasts: what is new gets 503.
		s = serveAS(t, users)
		alice := newUA(t, "127.0.0.50:5060", "127.0.0.1:5070", "held")
		bob := newUA(t, "127.0.0.51:5060", "127.0.0.1:5070", "held")
		d := alice.dialogTo("held")
		inv := d.send("INVITE", sdp("127.0.0.50", 31000, 1), "Route: <sip:127.0.0.1:5070;lr>, <sip:127.0.0.51:5060;lr>", "P-Served-User: <sip:alice@ims.example.org>;sescase=orig;regstate=reg")
		held := bob.request("INVITE")
		bob.reply(held, "180 Ringing", "held-tag", "")
		s.signal()
		eventually(t, patience, "it stops", func() bool { return strings.Contains(s.log.String(), "bifrons stops") })
		call("the server is about to stop")
		if n := s.metric("bifrons_b2bua_calls"); n != 1 {
			t.Errorf("%v calls are at hand, want the one that is held", n)
		}
		bob.reply(held, "486 Busy Here", "held-tag", "")
		d.ackFailure(alice.final(inv))
		eventually(t, patience, "it has stopped with its last call", func() bool {
			select {
			case <-s.done:
				return true
			default:
				return false
			}
		})
		s.stop(time.Second)
	})
}
