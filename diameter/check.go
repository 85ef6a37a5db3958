package diameter

import (
	"encoding/binary"

	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter/dict"
)

// AVP and header flags (RFC 6733 3 and 4.1).
const (
	flagRequest       = 0x80
	flagProxiable     = 0x40
	flagError         = 0x20
	flagRetransmitted = 0x10

	avpVendor    = 0x80
	avpMandatory = 0x40

	headerLength = 20
	maxLength    = 1<<24 - 1
	maxDepth     = 8
)

// finding is what the check of one message found.
type finding struct {
	// code is zero for a message that the codec may read.
	code ResultCode
	// failed is the AVP that Failed-AVP has to show (RFC 6733 7.5).
	failed []byte
	// unknown counts AVPs that the dictionary lacks; they must be cut before the codec sees the message, because it would
	// read them with the type of another vendor's AVP of the same code.
	unknown int
}

// checker looks at the AVPs of a message before the codec does: it believes no length and knows every type.
type checker struct {
	dict *dict.Dict
	app  uint32
	// strict: a request; an unknown mandatory AVP is an error. In an answer it is only counted (RFC 6733 4.1 speaks of
	// rejecting a message; an answer cannot be rejected).
	strict bool
}

// check walks the AVPs in b.
func (c checker) check(b []byte, depth int) (f finding) {
	for len(b) > 0 {
		a, rest, ok := nextAVP(b)
		if !ok {
			return finding{code: InvalidAVPLength, failed: headOf(b)}
		}
		b = rest
		t, known := c.dict.Type(c.app, a.key)
		if !known {
			if c.strict && a.flags&avpMandatory != 0 {
				return finding{code: AVPUnsupported, failed: a.raw}
			}
			f.unknown++
			continue
		}
		if code := c.checkData(t, a, depth, &f); code != 0 {
			if f.failed == nil {
				f.failed = a.raw
			}
			f.code = code
			return f
		}
	}
	return f
}

func (c checker) checkData(t datatype.TypeID, a rawAVP, depth int, f *finding) ResultCode {
	switch t {
	case datatype.GroupedType:
		if depth >= maxDepth {
			return InvalidAVPValue
		}
		in := c.check(a.data, depth+1)
		f.unknown += in.unknown
		f.failed = in.failed
		return in.code
	case datatype.Unsigned32Type, datatype.EnumeratedType, datatype.Integer32Type, datatype.TimeType, datatype.Float32Type:
		if len(a.data) != 4 {
			return InvalidAVPLength
		}
	case datatype.Unsigned64Type, datatype.Integer64Type, datatype.Float64Type:
		if len(a.data) != 8 {
			return InvalidAVPLength
		}
	}
	return 0
}

// cut copies the AVPs in b to dst without those the dictionary lacks. The message has passed check.
func (c checker) cut(dst, b []byte) []byte {
	for len(b) > 0 {
		a, rest, ok := nextAVP(b)
		if !ok {
			return dst
		}
		b = rest
		t, known := c.dict.Type(c.app, a.key)
		switch {
		case !known:
		case t == datatype.GroupedType:
			start := len(dst)
			dst = append(dst, a.raw[:len(a.raw)-len(a.data)]...)
			dst = c.cut(dst, a.data)
			putUint24(dst[start+5:], len(dst)-start)
		default:
			dst = append(dst, a.raw...)
			dst = pad(dst, len(a.raw))
		}
	}
	return dst
}

// rawAVP is one AVP as it came.
type rawAVP struct {
	key   dict.Key
	flags byte
	raw   []byte // header and data, no padding
	data  []byte
}

// nextAVP takes the first AVP off b.
func nextAVP(b []byte) (a rawAVP, rest []byte, ok bool) {
	if len(b) < 8 {
		return a, nil, false
	}
	n := int(binary.BigEndian.Uint32(b[4:]) & maxLength)
	head := 8
	a.flags = b[4]
	if a.flags&avpVendor != 0 {
		head = 12
	}
	if n < head || n > len(b) {
		return a, nil, false
	}
	a.key.Code = binary.BigEndian.Uint32(b)
	if head == 12 {
		a.key.Vendor = binary.BigEndian.Uint32(b[8:])
	}
	a.raw, a.data = b[:n:n], b[head:n:n]
	return a, b[min((n+3)&^3, len(b)):], true
}

// headOf returns the start of an AVP whose length is wrong, as Failed-AVP shows it: RFC 6733 7.1.5 asks for the header.
func headOf(b []byte) []byte {
	var h [8]byte
	copy(h[:], b)
	h[4] &^= avpVendor
	putUint24(h[5:], len(h))
	return h[:]
}

func putUint24(b []byte, n int) {
	b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n)
}

func uint24(b []byte) int {
	return int(b[0])<<16 | int(b[1])<<8 | int(b[2])
}

// pad appends the zeros that follow an AVP of n bytes.
func pad(dst []byte, n int) []byte {
	return append(dst, "\x00\x00\x00"[:(4-n&3)&3]...)
}

// appendAVP appends a base AVP.
func appendAVP(dst []byte, code uint32, flags byte, data []byte) []byte {
	n := 8 + len(data)
	dst = binary.BigEndian.AppendUint32(dst, code)
	dst = append(dst, flags, byte(n>>16), byte(n>>8), byte(n))
	dst = append(dst, data...)
	return pad(dst, n)
}
