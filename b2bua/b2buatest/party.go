package b2buatest

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// Party is a phone: it sends what the script says, within the dialog it has, and checks all it gets.
type Party struct {
	Name string
	Addr netip.AddrPort
	Side string

	w       *World
	product string
	drop    int  // messages to come that get lost
	bounce  int  // messages that the network returns
	auto    bool // answers by itself, once the script is over
	inbox   []*sip.Message
	got     []*sip.Message // everything received
	sent    []*sip.Message // everything sent
	secrets []string

	callID, localTag, remoteTag string
	localURI, remoteURI         string
	target                      string
	routes                      []string
	cseq                        uint32
	seen                        uint32            // highest CSeq of the server's requests
	origins                     map[string]string // o= version by description
	version                     int
	serial                      int
	media                       string        // last description sent
	rseq                        int           // of the last reliable response sent
	early                       []earlyDialog // of the phone's own INVITE

	others []netip.AddrPort // further addresses
	moved  string           // Contact, once it is not the phone's own address
	from   netip.AddrPort   // source of the next datagram, if it is another
	via    string           // side the next datagram arrives on, if it is another

	garbled bool     // something it sent was no message: 400 answers that
	with    []string // changes of its text, old=>new
	nonce   string   // of the challenge answered last,
	count   uint32   // and how often
}

func (w *World) add(name string, addr netip.AddrPort, side, product string) {
	p := &Party{Name: name, Addr: addr, Side: side, w: w, product: product, localTag: name + "-tag", origins: map[string]string{}, version: 1}
	p.secrets = []string{addr.Addr().String(), product, p.localTag}
	w.Parties[name] = p
}

// contact is the phone's Contact: its own address as a URI, unless it has moved.
func (p *Party) contact() string {
	if p.moved != "" {
		return p.moved
	}
	return "sip:" + p.Name + "-device@" + p.Addr.String()
}

// Waiting returns the number of messages that the script has not taken yet.
func (p *Party) Waiting() int { return len(p.inbox) }

// lives tells whether the phone is reached at an address.
func (p *Party) lives(at netip.AddrPort) bool { return at == p.Addr || slices.Contains(p.others, at) }

// earlyDialog is one that a provisional response made: requests of the script name it by its number.
type earlyDialog struct {
	tag, target string
	rack        string // of the last reliable response in it
}

// options are what a line of the script adds to a message.
type options struct {
	sdp     string // "" none, else which
	headers []string
	remove  []string
	tag     string
	body    string
	uri     string
	method  string // of the request a response answers
	branch  string
	from    netip.AddrPort
	via     string
	with    []string
	rel     bool // a reliable provisional response
	early   int  // the early dialog of a request, 1 is the first; 0 is the last that spoke
	rseq    int  // another RSeq or RAck than the next
	digest  string
}

// Invite prints an INVITE out of a dialog.
func (p *Party) Invite(to string, o options) string {
	p.serial++
	p.cseq = uint32(100 * p.serial)
	p.callID = fmt.Sprintf("%s-call-%d@%s", p.Name, p.serial, p.Addr.Addr())
	p.remoteTag, p.routes, p.seen, p.early = "", nil, 0, nil
	p.localURI = fmt.Sprintf("\"%s\" <sip:%s@home.example>", strings.ToUpper(p.Name[:1])+p.Name[1:], p.Name)
	p.remoteURI = fmt.Sprintf("<sip:%s@home.example>", to)
	p.target = "sip:" + to + "@home.example"
	if o.uri != "" {
		p.target = o.uri
	}
	return p.request("INVITE", p.cseq, o)
}

// InDialog prints a request in the dialog.
func (p *Party) InDialog(method string, o options) string {
	switch method {
	case "ACK":
		for i := len(p.got) - 1; i >= 0; i-- {
			if n, m := p.got[i].CSeq(); !p.got[i].IsRequest() && p.got[i].Status >= 200 && string(m) == "INVITE" {
				if p.got[i].Status >= 300 {
					return p.ackFailure(p.got[i])
				}
				return p.request("ACK", n, o)
			}
		}
		p.w.fail("%s has nothing to acknowledge", p.Name)
	case "CANCEL":
		return p.cancel(o)
	case "PRACK":
		rack := ""
		if e := p.earlyOf(o.early); e != nil {
			rack = e.rack
		}
		if o.rseq != 0 {
			_, cseq, _ := strings.Cut(rack, " ")
			rack = strconv.Itoa(o.rseq) + " " + cseq
		}
		if rack != "" && !o.has("RAck") {
			o.headers = append(o.headers, "RAck: "+rack)
		}
	}
	if e := p.earlyOf(o.early); e != nil && o.early > 0 {
		p.remoteTag, p.target = e.tag, e.target
	}
	if o.tag != "" {
		p.localTag = o.tag
	}
	p.cseq++
	return p.request(method, p.cseq, o)
}

func (p *Party) request(method string, cseq uint32, o options) string {
	p.serial++
	branch := fmt.Sprintf("z9hG4bK-%s-%d", p.Name, p.serial)
	if o.branch != "" {
		branch = o.branch
	}
	p.secrets = append(p.secrets, p.callID, branch)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n", method, p.target, p.Addr, branch)
	for _, r := range p.routes {
		fmt.Fprintf(&b, "Route: %s\r\n", r)
	}
	fmt.Fprintf(&b, "From: %s;tag=%s\r\nTo: %s", p.localURI, p.localTag, p.remoteURI)
	if p.remoteTag != "" {
		fmt.Fprintf(&b, ";tag=%s", p.remoteTag)
	}
	fmt.Fprintf(&b, "\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", p.callID, cseq, method)
	if !o.removes("Max-Forwards") && !o.has("Max-Forwards") {
		b.WriteString("Max-Forwards: 70\r\n")
	}
	fmt.Fprintf(&b, "User-Agent: %s\r\n", p.product)
	switch method {
	case "SUBSCRIBE", "NOTIFY":
		fmt.Fprintf(&b, "Contact: <%s>\r\n", p.contact())
	case "INVITE", "OPTIONS", "UPDATE":
		fmt.Fprintf(&b, "Contact: <%s>\r\nAllow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE\r\n", p.contact())
	}
	p.finish(&b, o)
	return b.String()
}

// cancel prints the CANCEL of the last INVITE (RFC 3261 9.1).
func (p *Party) cancel(o options) string {
	inv := p.lastSent("INVITE")
	n, _ := inv.CSeq()
	b := &strings.Builder{}
	fmt.Fprintf(b, "CANCEL %s SIP/2.0\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d CANCEL\r\nMax-Forwards: 70\r\n",
		inv.RequestURI, inv.Get(sip.HdrVia), inv.Get(sip.HdrFrom), inv.Get(sip.HdrTo), inv.Get(sip.HdrCallID), n)
	p.finish(b, o)
	return b.String()
}

// Response prints an answer to a request received.
func (p *Party) Response(req *sip.Message, status int, o options) string {
	tag := p.localTag
	if o.tag != "" {
		tag = o.tag
		p.secrets = append(p.secrets, tag)
	}
	if status == 100 || o.removes("tag") {
		tag = ""
	}
	b := &strings.Builder{}
	head := string(req.AppendResponseHead(nil, status, sip.ReasonPhrase(status), []byte(tag)))
	if o.removes("tag") { // also one that the request has
		head = strings.Replace(head, ";tag="+tagOf(req, sip.HdrTo)+"\r\n", "\r\n", 1)
	}
	b.WriteString(head)
	fmt.Fprintf(b, "Server: %s\r\n", p.product)
	for _, r := range headerLines(req, sip.HdrRecordRoute) {
		fmt.Fprintf(b, "Record-Route: %s\r\n", r)
	}
	if o.rel {
		if p.rseq++; o.rseq != 0 {
			p.rseq = o.rseq
		}
		fmt.Fprintf(b, "Require: 100rel\r\nRSeq: %d\r\n", p.rseq)
	}
	subscribed := req.Method == sip.SUBSCRIBE && status >= 200 && status < 300
	if (req.Method == sip.INVITE && status > 100 || subscribed) && !o.has("Contact") && !o.removes("Contact") {
		fmt.Fprintf(b, "Contact: <%s>\r\n", p.contact())
	}
	p.finish(b, o)
	if req.Method == sip.INVITE && status > 100 && status < 300 || subscribed && string(req.Get(sip.HdrCallID)) != p.callID {
		p.becomeUAS(req, tag)
	}
	return b.String()
}

func (p *Party) finish(b *strings.Builder, o options) {
	for _, h := range o.headers {
		b.WriteString(h + "\r\n")
	}
	body := o.body
	if o.sdp != "" {
		if body = p.describe(o.sdp); p.w.lines != nil {
			body += p.w.lines(p)
		}
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

// becomeUAS takes the dialog of an INVITE received.
func (p *Party) becomeUAS(req *sip.Message, tag string) {
	from, _ := sip.ParseAddress(req.Get(sip.HdrFrom))
	to, _ := sip.ParseAddress(req.Get(sip.HdrTo))
	ft, _ := from.Params.Get("tag")
	if string(req.Get(sip.HdrCallID)) != p.callID {
		p.cseq, p.seen = 500, 0
	}
	p.callID, p.localTag, p.remoteTag = string(req.Get(sip.HdrCallID)), tag, string(ft)
	p.localURI, p.remoteURI = "<"+string(to.URI)+">", string(from.Display)+" <"+string(from.URI)+">"
	p.target = contactOf(req)
	p.routes = headerLines(req, sip.HdrRecordRoute)
}

// learn takes the dialog of a response to the phone's own INVITE.
func (p *Party) learn(m *sip.Message) {
	if _, method := m.CSeq(); string(method) != "INVITE" && string(method) != "SUBSCRIBE" || m.Status <= 100 || m.Status >= 300 || string(m.Get(sip.HdrCallID)) != p.callID {
		return
	}
	if p.uac() && m.Status < 200 {
		p.learnEarly(m)
	}
	if tag := tagOf(m, sip.HdrTo); p.uac() {
		p.remoteTag = tag
		var routes []string
		for _, r := range headerLines(m, sip.HdrRecordRoute) {
			routes = append([]string{r}, routes...)
		}
		p.routes = routes
	}
	p.target = contactOf(m)
}

// learnEarly notes the early dialog of a provisional response.
func (p *Party) learnEarly(m *sip.Message) {
	e := earlyDialog{tag: tagOf(m, sip.HdrTo), target: contactOf(m)}
	if v := m.Get(sip.HdrRSeq); v != nil {
		n, _ := m.CSeq()
		e.rack = fmt.Sprintf("%s %d INVITE", v, n)
	}
	for i := range p.early {
		if p.early[i].tag == e.tag {
			if e.rack != "" {
				p.early[i].rack = e.rack
			}
			return
		}
	}
	p.early = append(p.early, e)
}

// earlyOf returns an early dialog by number, 0 is the one that spoke last; nil if there is none.
func (p *Party) earlyOf(n int) *earlyDialog {
	for i := range p.early {
		if n == i+1 || n == 0 && p.early[i].tag == p.remoteTag {
			return &p.early[i]
		}
	}
	return nil
}

// dialog names the phone's dialog as its far end knows it (RFC 3891 6.1).
func (p *Party) dialog() string {
	return p.callID + ";to-tag=" + p.remoteTag + ";from-tag=" + p.localTag
}

// peer is the user part of whom the phone talks to.
func (p *Party) peer() string {
	a, _ := sip.ParseAddress([]byte(p.remoteURI))
	u, _ := sip.ParseURI(a.URI)
	return string(u.User)
}

// uac tells whether the phone made the call it is in.
func (p *Party) uac() bool { return strings.HasPrefix(p.callID, p.Name+"-call-") }

func (p *Party) lastSent(method string) *sip.Message {
	for i := len(p.sent) - 1; i >= 0; i-- {
		if m := p.sent[i]; m.IsRequest() && string(m.MethodName) == method {
			return m
		}
	}
	p.w.T.Fatalf("%s has sent no %s", p.Name, method)
	return nil
}

// lastRequest finds the request a response answers.
func (p *Party) lastRequest(method string) *sip.Message {
	for i := len(p.got) - 1; i >= 0; i-- {
		m := p.got[i]
		if m.IsRequest() && m.Method != sip.ACK && (method == "" || string(m.MethodName) == method) {
			return m
		}
	}
	p.w.T.Fatalf("%s has no %s to answer", p.Name, method)
	return nil
}

// send puts a message of the phone on the wire.
func (p *Party) send(text string) {
	for _, c := range p.with {
		was, is, _ := strings.Cut(c, "=>")
		if !strings.Contains(text, was) {
			p.w.fail("no %q to change in\n%s", was, text)
		}
		text = strings.Replace(text, was, is, 1)
	}
	m := &sip.Message{}
	if err := m.Parse([]byte(text)); err == nil {
		p.sent = append(p.sent, m)
	} else {
		p.garbled = true
	}
	p.w.Deliver(p, []byte(text))
}

// describe makes the phone's description; a name that differs from the last raises the version.
func (p *Party) describe(kind string) string {
	if p.media != "" && p.media != kind {
		p.version++
	}
	p.media = kind
	head := fmt.Sprintf("v=0\r\no=%s 4711 %d IN IP4 %s\r\ns=%s\r\nc=IN IP4 %s\r\nt=0 0\r\n", p.Name, p.version, p.Addr.Addr(), p.product, p.Addr.Addr())
	audio := "m=audio %d RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
	port := 30000 + len(p.Name)*100
	switch kind {
	case "sdp", "sendrecv":
		return head + fmt.Sprintf(audio, port) + "a=sendrecv\r\n"
	case "hold", "sendonly":
		return head + fmt.Sprintf(audio, port) + "a=sendonly\r\n"
	case "recvonly", "inactive":
		return head + fmt.Sprintf(audio, port) + "a=" + kind + "\r\n"
	case "moved":
		return head + fmt.Sprintf(audio, port+50) + "a=sendrecv\r\n"
	case "g722":
		return head + "m=audio " + strconv.Itoa(port) + " RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n"
	case "pcmu", "many":
		formats := map[string]string{"pcmu": "0", "many": "0 8 9 101"}[kind]
		return head + fmt.Sprintf("m=audio %d RTP/AVP %s\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n", port, formats)
	case "reserving", "reserved":
		have := map[string]string{"reserving": "none", "reserved": "sendrecv"}[kind]
		return head + fmt.Sprintf(audio, port) + "a=curr:qos local " + have + "\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\na=des:qos optional remote sendrecv\r\n"
	case "octet":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 96 97 105\r\na=rtpmap:96 AMR-WB/16000\r\na=rtpmap:97 AMR-WB/16000\r\na=fmtp:97 octet-align=1; mode-set=0,1,2; max-red=0\r\n"+
			"a=rtpmap:105 telephone-event/16000\r\n", port)
	case "encoded":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 96 0\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 octet-align=1; mode-set=0\r\n", port)
	case "encoded only":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 octet-align=1; mode-set=0\r\n", port)
	case "mobile":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 96 0 101\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:101 telephone-event/8000\r\n", port)
	case "amr":
		return head + "m=audio " + strconv.Itoa(port) + " RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\n"
	case "events96":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n", port)
	case "noevents":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 8\r\n", port)
	case "wide":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 97 101\r\na=rtpmap:97 AMR-WB/16000\r\na=rtpmap:101 telephone-event/8000\r\n", port)
	case "wide16":
		return head + fmt.Sprintf("m=audio %d RTP/AVP 98 100\r\na=rtpmap:98 AMR-WB/16000\r\na=rtpmap:100 telephone-event/16000\r\n", port)
	case "secure":
		return head + fmt.Sprintf("m=audio %d RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n", port)
	case "fax":
		return head + fmt.Sprintf("m=audio 0 RTP/AVP 8\r\nm=image %d udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxMaxDatagram:400\r\n", port+20)
	case "msrp":
		return head + fmt.Sprintf("m=message %d TCP/MSRP *\r\na=path:msrp://%s:9/s;tcp\r\n", port+30, p.Addr.Addr())
	case "video":
		return head + fmt.Sprintf(audio, port) + fmt.Sprintf("m=video %d RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n", port+10)
	case "novideo":
		return head + fmt.Sprintf(audio, port) + "m=video 0 RTP/AVP 97\r\n"
	case "qosoffer": // the offerer has no resources yet, and wants to know when the other one has (RFC 3312)
		return head + fmt.Sprintf(audio, port) + qos("none", "none", "mandatory", "none", "")
	case "qosready": // now it has
		return head + fmt.Sprintf(audio, port) + qos("sendrecv", "none", "mandatory", "mandatory", "")
	case "qosanswer": // who answers has its own, and waits for the offerer's
		return head + fmt.Sprintf(audio, port) + qos("sendrecv", "none", "mandatory", "mandatory", "sendrecv")
	case "qosmet":
		return head + fmt.Sprintf(audio, port) + qos("sendrecv", "sendrecv", "mandatory", "mandatory", "")
	case "broken":
		return "v=0\r\nm=audio\r\n"
	}
	p.w.T.Fatalf("no description %q", kind)
	return ""
}

// qos prints preconditions: what there is here and there, how much it matters, and what is to be confirmed.
func qos(local, remote, desired, far, conf string) string {
	s := "a=curr:qos local " + local + "\r\na=curr:qos remote " + remote + "\r\na=des:qos " + desired + " local sendrecv\r\na=des:qos " + far + " remote sendrecv\r\n"
	if conf != "" {
		s += "a=conf:qos remote " + conf + "\r\n"
	}
	return s
}

func (o *options) has(name string) bool {
	for _, h := range o.headers {
		if strings.HasPrefix(h, name+":") {
			return true
		}
	}
	return false
}

func (o *options) removes(name string) bool {
	for _, h := range o.remove {
		if h == name {
			return true
		}
	}
	return false
}

func headerLines(m *sip.Message, id sip.HeaderID) (out []string) {
	for i := range m.Headers {
		if m.Headers[i].ID == id {
			out = append(out, string(m.Headers[i].Value))
		}
	}
	return out
}

func contactOf(m *sip.Message) string {
	a, err := sip.ParseAddress(m.Get(sip.HdrContact))
	if err != nil {
		return ""
	}
	return string(a.URI)
}

func tagOf(m *sip.Message, id sip.HeaderID) string {
	a, _ := sip.ParseAddress(m.Get(id))
	t, _ := a.Params.Get("tag")
	return string(t)
}
