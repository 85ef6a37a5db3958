package ims

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// vector is a P-Charging-Vector (RFC 7315 4.6), as text.
type vector string

func (v vector) param(name string) string {
	value, _ := sip.Params(v).Get(name)
	return string(value)
}

// ioi writes our operator's name as the other end writes its own: since Rel-12 with the type of the interface (TS 24.229
// 7.2A.5), which is 3 between S-CSCF and application server.
func ioi(name, like string) string {
	name = strings.TrimPrefix(name, typed)
	if strings.HasPrefix(strings.TrimPrefix(like, `"`), typed) {
		return `"` + typed + name + `"`
	}
	return name
}

// typed is the prefix of a name between S-CSCF and application server.
const typed = "Type 3"

// reply returns the vector of a response that has none: identity and originator as they came, and who answers.
func (v vector) reply(name string) string {
	icid, orig := v.param("icid-value"), v.param("orig-ioi")
	if icid == "" {
		return ""
	}
	out := "icid-value=" + icid
	if orig != "" {
		out += ";orig-ioi=" + orig
		if name != "" {
			out += ";term-ioi=" + ioi(name, orig)
		}
	}
	return out
}

// answeredBy adds who answers to the vector of a response that crosses; "" leaves it as it is.
func (v vector) answeredBy(name, like string) string {
	if v == "" || name == "" || like == "" || v.param("term-ioi") != "" {
		return ""
	}
	return string(v) + ";term-ioi=" + ioi(name, like)
}

// newVector makes the vector of a session of our own: an identity that is made once, and who it comes from (TS 24.229
// 5.7.3). A session that came to us keeps the vector that it has.
func newVector(name string) string {
	v := fmt.Sprintf(`icid-value="%x-%s"`, time.Now().UnixNano(), rand.Text())
	if name != "" {
		v += ";orig-ioi=" + ioi(name, name)
	}
	return v
}

// charge lets the responses of a call tell who has answered it.
func (a *AS) charge(s *b2bua.Step, m *sip.Message) {
	v := vector(m.Get(sip.HdrPChargingVector))
	if r := v.reply(a.cfg.IOI); r != "" {
		s.Do(b2bua.Label{Headers: []b2bua.Field{{Name: "P-Charging-Vector", Value: r}}})
		s.Save(Kept{OrigIOI: v.param("orig-ioi")})
	}
}

// Kept is what the application ims keeps of a call.
type Kept struct{ OrigIOI string }

// answered completes the vector of a response that crosses.
func (a *AS) answered(s *b2bua.Step) {
	var k Kept
	d := s.Draft()
	if d == nil || a.cfg.IOI == "" || !s.Load(&k) {
		return
	}
	if v := vector(d.Header("P-Charging-Vector")).answeredBy(a.cfg.IOI, k.OrigIOI); v != "" {
		d.Set("P-Charging-Vector", v)
	}
}
