package audit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// Capture judges the traffic of any product between two networks.
type Capture struct {
	A, B  []netip.Prefix              // the two networks; what is in neither is the product
	Means func(Field, leak.Kind) bool // tells what crosses on purpose; nil: nothing does
	Names []string                    // names that are no secret, of the product itself for example
}

// Leak is a secret of one side in a message to the other.
type Leak struct {
	Frame  int       `json:"frame"`
	Time   time.Time `json:"time"`
	From   string    `json:"from"` // whose secret: A or B
	To     string    `json:"to"`
	Field  string    `json:"field"`
	Name   string    `json:"name,omitempty"` // the header as written, or the type of the body
	Kind   string    `json:"kind"`
	Secret string    `json:"secret"`
	Heard  int       `json:"heard"` // the frame in which the product learned it
	Line   string    `json:"line,omitempty"`
}

// Report is what a capture shows.
type Report struct {
	Frames  int    `json:"frames"`
	SIP     int    `json:"sip"`
	RTP     int    `json:"rtp"`
	RTCP    int    `json:"rtcp"`
	Heard   [2]int `json:"heard"`   // messages and packets that the product got from A and from B
	Sent    [2]int `json:"sent"`    // that it sent to them
	Secrets [2]int `json:"secrets"` // what was heard
	Leaks   []Leak `json:"leaks"`
}

// nothing is public in the traffic of a product whose policy we do not know.
var nothing Public

// judge is the work on one capture.
type judge struct {
	*Capture
	report Report
	ears   [2]Ear
	first  [2]map[string]int  // secret in lower case to the frame in which it was heard
	mouths [2]Ear             // what the product itself said to a side
	said   [2]map[string]int  // likewise
	leaked [2]map[string]bool // what the product has told a side: its repetition there proves nothing
	end    [2]int
	ssrcs  [2]map[uint32]int
	at     [2]int // how far first is
	sent   [2][]datagram
	own    [2]leak.Set     // addresses of the product that a side knows
	names  leak.Set        // public ones
	played map[played]bool // RTP sources sent
}

// played is an RTP source as it was sent to someone.
type played struct {
	to   netip.AddrPort
	ssrc uint32
}

// limitCapture is how many bytes of secrets of a side are kept: all that a Set can number.
const limitCapture = 1<<24 - 1<<10

// Judge reads a capture in pcap or pcapng format and finds what of one side's secrets reached the other.
func (c *Capture) Judge(r io.Reader) (*Report, error) {
	j := &judge{Capture: c, played: map[played]bool{}}
	for i := range j.ears {
		j.ears[i].Limit, j.mouths[i].Limit = limitCapture, limitCapture
		j.first[i], j.said[i], j.leaked[i], j.ssrcs[i] = map[string]int{}, map[string]int{}, map[string]bool{}, map[uint32]int{}
	}
	for _, n := range append(PublicNames[:], c.Names...) {
		j.names.Add(leak.Host, []byte(n))
	}
	frames, err := readCapture(r, j.take)
	if err != nil {
		return nil, err
	}
	j.report.Frames = frames
	for to := range j.sent {
		for _, d := range j.sent[to] {
			j.search(d, to)
		}
	}
	for i := range j.ears {
		j.report.Secrets[i] = j.ears[i].Len() + len(j.ssrcs[i])
	}
	slices.SortStableFunc(j.report.Leaks, func(a, b Leak) int { return a.Frame - b.Frame })
	return &j.report, nil
}

// side tells which network an address is in, 2 for neither.
func (j *judge) side(a netip.Addr) int {
	for i, networks := range [...][]netip.Prefix{j.A, j.B} {
		for _, n := range networks {
			if n.Contains(a) {
				return i
			}
		}
	}
	return 2
}

// take sorts a datagram: what a side sends to the product is heard, what the product sends to a side is searched later.
func (j *judge) take(d datagram) {
	from, to := j.side(d.src.Addr()), j.side(d.dst.Addr())
	rtcp := isRTCP(d.data)
	switch {
	case from == to:
		return
	case isSIP(d.data):
		j.report.SIP++
	case rtcp:
		j.report.RTCP++
	case isRTP(d.data):
		j.report.RTP++
	default:
		return
	}
	if from < 2 {
		j.report.Heard[from]++
		j.hear(d, from)
	}
	if to < 2 {
		j.report.Sent[to]++
		if from == 2 {
			j.say(d, to)
			j.own[to].Add(leak.Address, []byte(d.src.Addr().String()))
			j.own[to].Add(leak.Port, []byte(d.src.String()))
		}
		if !isRTP(d.data) || rtcp || j.news(d) {
			j.sent[to] = append(j.sent[to], d)
		}
	}
}

// news tells whether an RTP packet is worth keeping: the first of its source.
func (j *judge) news(d datagram) bool {
	p := played{d.dst, binary.BigEndian.Uint32(d.data[8:])}
	known := j.played[p]
	j.played[p] = true
	return !known
}

func (j *judge) hear(d datagram, from int) {
	e := &j.ears[from]
	switch {
	case isSIP(d.data):
		m := &sip.Message{Source: d.src}
		if m.Parse(d.data) != nil && len(m.Headers) == 0 {
			e.text(d.data)
		} else {
			e.Hear(m, &nothing)
		}
	case isRTCP(d.data):
		e.rtcp(d.data, func(ssrc uint32) { j.source(from, ssrc, d.frame) })
	default:
		j.source(from, binary.BigEndian.Uint32(d.data[8:]), d.frame)
	}
	j.at[from] = e.Each(j.at[from], func(_ leak.Kind, token []byte) { j.first[from][strings.ToLower(string(token))] = d.frame })
}

// say takes in what the product says to a side: names it brings up there are its own, also when the side repeats them.
func (j *judge) say(d datagram, to int) {
	m := &sip.Message{}
	if !isSIP(d.data) || m.Parse(d.data) != nil {
		return
	}
	j.mouths[to].Hear(m, &nothing)
	j.end[to] = j.mouths[to].Each(j.end[to], func(_ leak.Kind, token []byte) { j.said[to][strings.ToLower(string(token))] = d.frame })
}

// brought tells whether a name that a side said at a frame was brought up there by the product.
func (j *judge) brought(side int, k leak.Kind, token string, heard int) bool {
	said, ok := j.said[side][token]
	return ok && said < heard && !k.Identifier() && k != leak.Address && k != leak.Port
}

// knew tells whether a side knew a token before a frame, and not from the product.
func (j *judge) knew(side int, token string, frame int) bool {
	heard, ok := j.first[side][token]
	return ok && heard < frame && !j.leaked[side][token]
}

func (j *judge) source(from int, ssrc uint32, frame int) {
	if _, ok := j.ssrcs[from][ssrc]; !ok {
		j.ssrcs[from][ssrc] = frame
	}
}

// search finds what the other side has said in what went to this one.
func (j *judge) search(d datagram, to int) {
	from := 1 - to
	if isRTP(d.data) || isRTCP(d.data) {
		j.searchSources(d, from, to)
	}
	if isRTP(d.data) && !isRTCP(d.data) {
		return
	}
	e, where := &j.ears[from], NewLocator(d.data)
	for at := 0; ; {
		hit, ok := e.Next(d.data, at)
		if !ok {
			return
		}
		at = hit.End
		token := string(e.Token(hit))
		low := strings.ToLower(token)
		heard := j.first[from][low]
		if heard >= d.frame || j.knew(to, low, d.frame) || j.brought(from, hit.Kind, low, heard) || j.own[to].Has([]byte(token)) || j.names.Has([]byte(token)) || strings.Contains(d.dst.String(), token) {
			continue
		}
		f := Field{Place: Header, Name: "RTCP"}
		if isSIP(d.data) {
			f = where.At(hit.Start)
			if f.Place == StartLine || f.Header == sip.HdrRoute || hit.Kind == leak.Origin && (f.Place != SDP || f.Name != "o=") || j.Means != nil && j.Means(f, hit.Kind) {
				continue // it is addressed by it; the same digits elsewhere are something else; it may cross
			}
		}
		l := Leak{Frame: d.frame, Time: d.at, From: sides[from], To: sides[to], Field: f.String(), Name: f.Name, Kind: hit.Kind.String(), Secret: token, Heard: heard}
		if f.Name == "RTCP" {
			l.Field = "RTCP"
		} else {
			l.Line = lineAt(d.data, hit.Start)
		}
		j.report.Leaks = append(j.report.Leaks, l)
		j.leaked[to][low] = true
	}
}

var sides = [2]string{"A", "B"}

// searchSources finds RTP sources of the other side.
func (j *judge) searchSources(d datagram, from, to int) {
	look := func(ssrc uint32, field string) {
		heard, ok := j.ssrcs[from][ssrc]
		if _, known := j.ssrcs[to][ssrc]; ok && !known && heard < d.frame && ssrc != 0 {
			j.report.Leaks = append(j.report.Leaks, Leak{Frame: d.frame, Time: d.at, From: sides[from], To: sides[to], Field: field, Kind: leak.SSRC.String(),
				Secret: fmt.Sprintf("%08x", ssrc), Heard: heard})
		}
	}
	if !isRTCP(d.data) {
		look(binary.BigEndian.Uint32(d.data[8:]), "RTP")
		return
	}
	var e Ear
	seen := map[uint32]bool{}
	e.rtcp(d.data, func(ssrc uint32) {
		if !seen[ssrc] {
			seen[ssrc] = true
			look(ssrc, "RTCP")
		}
	})
}

// lineAt returns the line of a message that a byte is in.
func lineAt(b []byte, pos int) string {
	start := lineStart(b, pos)
	line, _, _ := bytes.Cut(b[start:], []byte("\n"))
	return string(bytes.TrimSpace(line[:min(len(line), 200)]))
}

func isSIP(b []byte) bool {
	if bytes.HasPrefix(b, []byte("SIP/2.0 ")) {
		return true
	}
	line, _, ok := bytes.Cut(b[:min(len(b), 2048)], []byte("\r\n"))
	return ok && bytes.HasSuffix(line, []byte(" SIP/2.0"))
}

func isRTP(b []byte) bool { return len(b) >= 12 && b[0]>>6 == 2 }

func isRTCP(b []byte) bool { return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 200 && b[1] <= 207 }

// rtcp hears the texts of source descriptions and goodbyes, and tells the sources named as senders.
func (e *Ear) rtcp(b []byte, source func(uint32)) {
	media.WalkRTCP(b, source, nil, func(text []byte) {
		e.Add(leak.CNAME, text)
		e.text(text)
		if at := bytes.LastIndexByte(text, '@'); at >= 0 {
			e.hostPort(text[at+1:])
		}
	})
}
