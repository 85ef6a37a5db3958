package b2bua

import (
	"bytes"

	"github.com/bifrons/bifrons/sip"
)

// ownOptions are the extensions that Bifrons speaks on each leg by itself; the session timer is one more where a side runs it.
var ownOptions = [...]string{reliableOption, "199", replacesOption, changeOption}

// replacesOption is told of where transfers are, as REFER is in Allow; a side that rejects them still carries Replaces to who has the dialog.
const replacesOption = "replaces"

// supportedInAnswer is what a response to an INVITE that makes a dialog says of us (RFC 3261 13.3.1.4, RFC 4916 4.2); 199 is a word of
// requests alone.
func (s *Side) supportedInAnswer() string {
	if s.transfers() == TransferReject {
		return "Supported: " + reliableOption + ", " + changeOption + "\r\n"
	}
	return "Supported: " + reliableOption + ", " + replacesOption + ", " + changeOption + "\r\n"
}

// tells tells whether the parties of a side hear of an option of ours.
func (s *Side) tells(option string) bool {
	return option != replacesOption || s.transfers() != TransferReject
}

// endToEnd are the extensions that the parties agree on: Supported and Require of one say what the other one does, for their
// words stand in the descriptions, which cross.
var endToEnd = [...]string{"precondition"}

// unsupported names the options of Require that a side does not support (RFC 3261 8.2.2.3).
func unsupported(side *Side, m *sip.Message) string {
	var not []byte
	for one := range m.Values(sip.HdrRequire) {
		if !side.supports(m.Method, bytes.TrimSpace(one)) {
			not = append(append(not, ", "...), one...)
		}
	}
	if len(not) == 0 {
		return ""
	}
	return "Unsupported: " + string(not[2:]) + "\r\n"
}

func (s *Side) supports(method sip.Method, option []byte) bool {
	if method == sip.REGISTER {
		return sip.EqualFold(option, "path") // a registrar keeps it (RFC 3327)
	}
	if sip.EqualFold(option, timerOption) {
		return s.Liveness.Expires > 0
	}
	return listed(option, ownOptions[:]) || listed(option, endToEnd[:])
}

// supported is the Supported line of an answer to OPTIONS.
func (s *Side) supported() string {
	list := "Supported: "
	for _, o := range ownOptions {
		if s.tells(o) {
			list += o + ", "
		}
	}
	for _, o := range endToEnd {
		list += o + ", "
	}
	if s.Liveness.Expires > 0 {
		list += timerOption + ", "
	}
	return list[:len(list)-2] + "\r\n"
}

// appendSupported prints what the first INVITE of a leg says of us.
func (t *Tx) appendSupported(dst []byte, s *Side) []byte {
	dst = append(dst, "Supported: "...)
	for _, o := range ownOptions {
		if (o != reliableOption || t.Reliable) && s.tells(o) {
			dst = append(append(dst, o...), ", "...)
		}
	}
	return append(dst[:len(dst)-2], '\r', '\n')
}

// appendEndToEnd prints what the far party says of the options that the parties agree on.
func appendEndToEnd(dst []byte, far *sip.Message) []byte {
	for _, o := range endToEnd {
		if far.HasToken(sip.HdrSupported, o) {
			dst = append(append(append(dst, "Supported: "...), o...), "\r\n"...)
		}
		if far.HasToken(sip.HdrRequire, o) {
			dst = append(append(append(dst, "Require: "...), o...), "\r\n"...)
		}
		if far.Status == 420 && far.HasToken(sip.HdrUnsupported, o) {
			dst = append(append(append(dst, "Unsupported: "...), o...), "\r\n"...)
		}
	}
	return dst
}

// refusesEndToEnd tells that a 420 is an answer to the far party, and not to us.
func refusesEndToEnd(m *sip.Message) bool {
	for _, o := range endToEnd {
		if m.Status == 420 && m.HasToken(sip.HdrUnsupported, o) {
			return true
		}
	}
	return false
}
