package b2bua

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strconv"

	"github.com/bifrons/bifrons/sip"
)

// Content types that are treated by more than their name.
const (
	sdpType        = "application/sdp"
	sipfragType    = "message/sipfrag"
	dialogInfoType = "application/dialog-info+xml"
)

// part is one part of a body.
type part struct {
	contentType string
	header      textproto.MIMEHeader
	body        []byte
}

// maxParts bounds the parts of a multipart body.
const maxParts = 16

// mediaType cuts the parameters off a content type.
func mediaType(contentType []byte) []byte {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return bytes.TrimSpace(contentType)
}

func isSDP(contentType []byte) bool { return sip.EqualFold(mediaType(contentType), sdpType) }

func isMultipart(contentType []byte) bool {
	return len(contentType) > 10 && sip.EqualFold(contentType[:10], "multipart/")
}

// descriptionOf returns the session description of a message, alone or as a part of a multipart body; nil if there is none.
func descriptionOf(m *sip.Message) []byte {
	if m == nil || len(m.Body) == 0 {
		return nil
	}
	ct := m.Get(sip.HdrContentType)
	if isSDP(ct) {
		return m.Body
	}
	for _, p := range parts(ct, m.Body) {
		if isSDP([]byte(p.contentType)) {
			return p.body
		}
	}
	return nil
}

// parts takes a multipart body apart (RFC 5621 3); nil for another type, or when it is malformed.
func parts(contentType, body []byte) (out []part) {
	if !isMultipart(contentType) {
		return nil
	}
	_, params, err := mime.ParseMediaType(string(contentType))
	if err != nil || params["boundary"] == "" {
		return nil
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for len(out) < maxParts {
		p, err := r.NextRawPart()
		if err != nil {
			return out
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return out
		}
		ct := p.Header.Get("Content-Type")
		if ct == "" {
			ct = "text/plain"
		}
		out = append(out, part{ct, p.Header, b})
	}
	return out
}

// negotiates tells whether offers and answers stand in a method's requests and responses (RFC 3261 13.2.1, RFC 3262 5, RFC 3311 5).
func negotiates(m sip.Method) bool {
	return m == sip.INVITE || m == sip.ACK || m == sip.PRACK || m == sip.UPDATE
}

// cross puts the body of a message of one leg into what goes to the other: a description is made ours, other content
// crosses if the pair's policy carries its type. A multipart body is made anew of the parts that cross.
func (c *Call) cross(fl *Leg, from *Dialog, tl *Leg, to *Dialog, m *sip.Message, answer bool, o *outgoing) *errOffer {
	if len(m.Body) == 0 {
		return nil
	}
	ct := m.Get(sip.HdrContentType)
	if !negotiates(m.Method) {
		if p := c.srv.policy(fl.side, tl.side); len(ct) > 0 && !isSDP(ct) && !isMultipart(ct) {
			o.body, o.contentType = p.crossBody(ct, m.Body)
		}
		return nil
	}
	if isSDP(ct) {
		return c.crossSDP(fl, from, tl, to, m.Body, answer, o)
	}
	policy := c.srv.policy(fl.side, tl.side)
	all := parts(ct, m.Body)
	if all == nil && isMultipart(ct) {
		return &errOffer{400, "malformed multipart body"}
	}
	if all == nil {
		if len(ct) > 0 {
			o.body, o.contentType = policy.crossBody(ct, m.Body)
			return o.left(m)
		}
		return nil
	}
	var keep []part
	for _, p := range all {
		switch {
		case isMultipart([]byte(p.contentType)), isSDP([]byte(p.contentType)) && o.describes: // a second description hides in it
		case isSDP([]byte(p.contentType)):
			if p.header.Get("Content-Transfer-Encoding") == "base64" {
				return &errOffer{415, "encoded description"}
			}
			if o.settled {
				continue
			}
			if err := c.crossSDP(fl, from, tl, to, p.body, answer, o); err != nil {
				return err
			}
			p.body = bytes.Clone(o.body)
			keep = append(keep, p)
		default:
			if p.body, p.contentType = policy.crossBody([]byte(p.contentType), p.body); p.contentType != "" {
				keep = append(keep, p)
			}
		}
	}
	o.body, o.contentType = c.assemble(keep)
	return nil
}

// left refuses an INVITE whose only body stays behind: without it, it would ask for an offer (RFC 3261 8.2.3).
func (o *outgoing) left(m *sip.Message) *errOffer {
	if o.contentType == "" && m.IsRequest() && m.Method == sip.INVITE && !optional(m) {
		return &errOffer{415, "a body that may not cross"}
	}
	return nil
}

// crossBody returns what crosses of a body that is no description; an empty type is nothing.
func (p *Policy) crossBody(contentType, body []byte) ([]byte, string) {
	switch p.body(contentType) {
	case Carry:
		return body, string(contentType)
	case Own:
		if b := ownFragment(body); b != nil {
			return b, sipfragType
		}
	}
	return nil, ""
}

// ownFragment makes our own status line of the one in a message/sipfrag (RFC 3420), nil if it has none: headers and phrase
// stay behind.
func ownFragment(body []byte) []byte {
	line, _, _ := bytes.Cut(body, []byte("\r\n"))
	f := bytes.Fields(line)
	if len(f) < 2 || !sip.EqualFold(f[0], "SIP/2.0") {
		return nil
	}
	status, err := strconv.Atoi(string(f[1]))
	if err != nil || status < 100 || status > 699 {
		return nil
	}
	return []byte("SIP/2.0 " + strconv.Itoa(status) + " " + sip.ReasonPhrase(status) + "\r\n")
}

func (c *Call) crossSDP(fl *Leg, from *Dialog, tl *Leg, to *Dialog, body []byte, answer bool, o *outgoing) *errOffer {
	if o.settled {
		return nil
	}
	body, err := c.carry(fl, from, tl, to, body, answer)
	if err != nil {
		var refused *errOffer
		if !errors.As(err, &refused) {
			refused = &errOffer{500, err.Error()}
		}
		return refused
	}
	o.body, o.contentType, o.describes = body, sdpType, true
	return nil
}

// assemble prints parts as one body; a single part needs no multipart. The boundary is our own.
func (c *Call) assemble(all []part) (body []byte, contentType string) {
	switch len(all) {
	case 0:
		return nil, ""
	case 1:
		return all[0].body, all[0].contentType
	}
	boundary := string(c.srv.mint.append([]byte("b-"), idTag, ref{c.ID, 255, uint32(c.srv.random())}))
	var b bytes.Buffer
	for _, p := range all {
		b.WriteString("--" + boundary + "\r\nContent-Type: " + p.contentType + "\r\n")
		for _, name := range [...]string{"Content-Disposition", "Content-Transfer-Encoding", "Content-Language"} {
			if v := p.header.Get(name); v != "" {
				b.WriteString(name + ": " + v + "\r\n")
			}
		}
		b.WriteString("\r\n")
		b.Write(p.body)
		b.WriteString("\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.Bytes(), "multipart/mixed;boundary=" + boundary
}
