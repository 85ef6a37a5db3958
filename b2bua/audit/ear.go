package audit

import (
	"bytes"
	"hash/maphash"

	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/sip"
)

// PublicNames are hosts that everybody knows (RFC 3323 4.1.1.3).
var PublicNames = [...]string{"anonymous.invalid", "localhost"}

// Ear is what was heard from one party. The zero value has heard nothing.
type Ear struct {
	leak.Set
	Own   *leak.Set  // names of ours that everybody knows; they are not heard
	lines [64]uint32 // hashes of lines heard before, the latest of each slot
}

// seed is of the hashes of lines; they never leave the process.
var seed = maphash.MakeSeed()

// Reset makes the Ear one that has heard what another one's Arena has.
func (e *Ear) Reset(arena []byte) {
	e.Set.Reset(arena)
	e.lines = [64]uint32{}
}

// again tells whether the same line was heard before.
func (e *Ear) again(id sip.HeaderID, line []byte) bool {
	h := maphash.Bytes(seed, line) ^ uint64(id)<<40
	slot, mark := &e.lines[h%uint64(len(e.lines))], uint32(h>>32)|1
	if *slot == mark {
		return true
	}
	*slot = mark
	return false
}

// hears says what a header tells in a form of its own; nil is what any may tell: addresses, and hosts in URIs.
var hears = [sip.NumHeaders]func(*Ear, []byte){
	sip.HdrVia: (*Ear).via, sip.HdrFrom: (*Ear).party, sip.HdrTo: (*Ear).party, sip.HdrCallID: (*Ear).callID,
	sip.HdrUserAgent: (*Ear).software, sip.HdrServer: (*Ear).software, sip.HdrOrganization: (*Ear).organization,
	sip.HdrPChargingVector: (*Ear).charging, sip.HdrPVisitedNetworkID: (*Ear).network, sip.HdrWarning: (*Ear).warning,
	sip.HdrReplaces: (*Ear).dialog, sip.HdrJoin: (*Ear).dialog, sip.HdrTargetDialog: (*Ear).dialog, sip.HdrInReplyTo: (*Ear).callIDs,
	sip.HdrWWWAuthenticate: (*Ear).realm, sip.HdrProxyAuthenticate: (*Ear).realm, sip.HdrAuthorization: (*Ear).realm,
	sip.HdrProxyAuthorization: (*Ear).realm,
}

// silent headers name nothing that could be a secret.
var silent = [sip.NumHeaders]bool{
	sip.HdrCSeq:               true,
	sip.HdrMaxForwards:        true,
	sip.HdrMaxBreadth:         true,
	sip.HdrContentType:        true,
	sip.HdrContentLength:      true,
	sip.HdrContentEncoding:    true,
	sip.HdrContentDisposition: true,
	sip.HdrContentLanguage:    true,
	sip.HdrMIMEVersion:        true,
	sip.HdrAllow:              true,
	sip.HdrSupported:          true,
	sip.HdrRequire:            true,
	sip.HdrProxyRequire:       true,
	sip.HdrUnsupported:        true,
	sip.HdrAccept:             true,
	sip.HdrAcceptEncoding:     true,
	sip.HdrAcceptLanguage:     true,
	sip.HdrAllowEvents:        true,
	sip.HdrEvent:              true,
	sip.HdrExpires:            true,
	sip.HdrDate:               true,
	sip.HdrPriority:           true,
	sip.HdrRetryAfter:         true,
	sip.HdrTimestamp:          true,
	sip.HdrRSeq:               true,
	sip.HdrRAck:               true,
	sip.HdrSessionExpires:     true,
	sip.HdrMinSE:              true,
	sip.HdrMinExpires:         true,
	sip.HdrPrivacy:            true,
	sip.HdrPEarlyMedia:        true,
	sip.HdrPAssertedService:   true,
	sip.HdrPPreferredService:  true,
	sip.HdrAcceptContact:      true,
	sip.HdrRequestDisposition: true,
	sip.HdrPAccessNetworkInfo: true,
	sip.HdrFeatureCaps:        true,
	sip.HdrSessionID:          true,
	sip.HdrContentID:          true,
}

// Public are the headers whose values may be told to everybody the party can talk to, so that names in them are no
// secrets; HdrOther is those without an identity. From, To and the Request-URI go together, and their tags stay secret.
type Public [sip.NumHeaders]bool

// Hear takes in a message of the party.
func (e *Ear) Hear(m *sip.Message, public *Public) {
	if m.IsRequest() && !e.again(0, m.RequestURI) {
		if public[sip.HdrTo] {
			e.addresses(m.RequestURI)
		} else {
			e.text(m.RequestURI)
		}
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		if public[h.ID] {
			if (h.ID == sip.HdrFrom || h.ID == sip.HdrTo) && !e.again(h.ID, h.Value) {
				e.addresses(e.tag(h.Value)) // an address is no name, and never crosses
			}
			continue
		}
		if h.ID == sip.HdrVia && !m.IsRequest() {
			continue // ours, given back
		}
		if silent[h.ID] || len(h.Value) < leak.MinLen || e.again(h.ID, h.Value) {
			continue
		}
		if hear := hears[h.ID]; hear != nil {
			hear(e, h.Value)
		} else {
			e.text(h.Value)
		}
	}
	if len(m.Body) > 0 && !e.again(sip.NumHeaders, m.Body) {
		e.body(m.Body)
	}
}

func (e *Ear) via(list []byte) {
	if bytes.IndexByte(list, ',') < 0 {
		e.oneVia(list)
		return
	}
	for len(list) > 0 {
		var one []byte
		one, list = sip.CutValue(list)
		e.oneVia(one)
	}
}

// oneVia hears sent-by, branch, received and maddr of SIP/2.0/UDP host:port;params.
func (e *Ear) oneVia(v []byte) {
	i := bytes.IndexByte(v, ';')
	if i < 0 {
		i = len(v)
	}
	sent, params := bytes.TrimRight(v[:i], " \t"), v[i:]
	sent = sent[bytes.LastIndexAny(sent, " \t")+1:]
	e.hostPort(sent)
	for len(params) > 0 {
		params = params[1:]
		if i = bytes.IndexByte(params, ';'); i < 0 {
			i = len(params)
		}
		name, value, _ := bytes.Cut(params[:i], []byte("="))
		params = params[i:]
		switch name, value = bytes.TrimSpace(name), bytes.TrimSpace(value); {
		case sip.EqualFold(name, "branch"):
			e.Add(leak.Branch, value)
		case sip.EqualFold(name, "received"), sip.EqualFold(name, "maddr"):
			e.host(value, nil)
		}
	}
}

func (e *Ear) party(v []byte) { e.text(e.tag(v)) }

// tag hears the tag of a From or To and returns what stands before it.
func (e *Ear) tag(v []byte) []byte {
	i := bytes.Index(v, []byte(";tag="))
	if i < 0 { // none, or one written with blanks
		if a, err := sip.ParseAddress(v); err == nil {
			tag, _ := a.Params.Get("tag")
			e.Add(leak.Tag, tag)
		}
		return v
	}
	tag := v[i+5:]
	if i := bytes.IndexByte(tag, ';'); i >= 0 {
		tag = tag[:i]
	}
	e.Add(leak.Tag, tag)
	return v[:i]
}

func (e *Ear) callID(v []byte) {
	local, host, found := bytes.Cut(v, []byte("@"))
	e.Add(leak.CallID, local)
	if found {
		e.host(host, nil)
	}
}

func (e *Ear) callIDs(list []byte) {
	for len(list) > 0 {
		var one []byte
		one, list = sip.CutValue(list)
		e.callID(one)
	}
}

// dialog hears the identifiers of a dialog in Replaces, Join or Target-Dialog (RFC 3891, RFC 3911, RFC 4538).
func (e *Ear) dialog(v []byte) {
	id, params, _ := bytes.Cut(v, []byte(";"))
	e.callID(bytes.TrimSpace(id))
	for p := sip.Params(params); ; {
		name, value, rest, ok := p.Next()
		if !ok {
			return
		}
		if p = rest; bytes.HasSuffix(name, []byte("-tag")) {
			e.Add(leak.Tag, value)
		}
	}
}

// software hears a product list: as a whole, and each product of it that has a version.
func (e *Ear) software(v []byte) {
	e.Add(leak.Software, v)
	for start, digits, letters := 0, false, false; start < len(v); start, digits, letters = start+1, false, false {
		end := start
		for ; end < len(v) && bytes.IndexByte([]byte(" (),;"), v[end]) < 0; end++ {
			digits = digits || v[end]-'0' < 10
			letters = letters || letter(v[end])
		}
		if digits && letters {
			e.Add(leak.Software, v[start:end])
		}
		start = end
	}
}

func (e *Ear) organization(v []byte) { e.Add(leak.Software, v) }

// charging hears a P-Charging-Vector (RFC 7315 4.6).
func (e *Ear) charging(v []byte) {
	for p := sip.Params(v); ; {
		name, value, rest, ok := p.Next()
		if !ok {
			return
		}
		p = rest
		switch value = sip.Unquote(value); {
		case sip.EqualFold(name, "icid-value"):
			e.Add(leak.ICID, value)
		case sip.EqualFold(name, "icid-generated-at"), sip.EqualFold(name, "orig-ioi"), sip.EqualFold(name, "term-ioi"),
			sip.EqualFold(name, "transit-ioi"):
			e.host(value, nil)
		}
	}
}

func (e *Ear) network(list []byte) {
	for len(list) > 0 {
		var one []byte
		one, list = sip.CutValue(list)
		name, _, _ := bytes.Cut(one, []byte(";"))
		e.host(sip.Unquote(bytes.TrimSpace(name)), nil)
	}
}

// warning hears the agent of a Warning: code SP agent SP text (RFC 3261 20.43).
func (e *Ear) warning(v []byte) {
	if f := bytes.Fields(v); len(f) > 2 {
		host, port, found := bytes.Cut(f[1], []byte(":"))
		if found {
			port = append([]byte(":"), port...)
		}
		e.host(host, port)
	}
	e.text(v)
}

// realm hears the domain of a challenge or of credentials.
func (e *Ear) realm(v []byte) {
	for _, name := range [...]string{"realm=\"", "domain=\""} {
		if _, after, ok := bytes.Cut(v, []byte(name)); ok {
			domain, _, _ := bytes.Cut(after, []byte("\""))
			if bytes.IndexByte(domain, '.') > 0 && bytes.IndexByte(domain, ' ') < 0 {
				e.host(domain, nil)
			}
		}
	}
	e.text(v)
}
