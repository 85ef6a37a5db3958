package sdp

import (
	"hash/crc32"
	"net/netip"
	"slices"
	"strconv"
)

// Origin is the o= line of our own that a leg shows in all its descriptions. It is plain data, a part of a call's snapshot:
// the caller sets ID and a first Version (random, RFC 8866 5.2), the writers keep the rest. The session id and the address
// stay, and the version rises by exactly one whenever the description differs from the last one written, never otherwise
// (RFC 3264 8, RFC 4028 7.4).
type Origin struct {
	// ID is the session id.
	ID uint64 `json:"id"`
	// Version is the session version last written.
	Version uint64 `json:"version"`
	// Last is a checksum of the description last written without its o= line, 0 before the first.
	Last uint64 `json:"last"`
	// Address is the address in the line, fixed by the first description.
	Address netip.Addr `json:"address"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head is the room for v= and o= in front of a description.
const head = 128

// begin reserves the room; seal fills it.
func begin(dst []byte) (out []byte, start int) {
	start = len(dst)
	return slices.Grow(dst, head)[:start+head], start
}

// seal writes v= and o= in front of the description that starts at start+head.
func (o *Origin) seal(dst []byte, start int, addr netip.Addr) []byte {
	body := dst[start+head:]
	sum := uint64(crc32.Checksum(body, castagnoli))<<32 | uint64(crc32.ChecksumIEEE(body)) | 1
	if o.Last != 0 && o.Last != sum {
		o.Version++
	}
	o.Last = sum
	if !o.Address.IsValid() {
		o.Address = addr
	}
	front := append(dst[start:start], "v=0\r\no=- "...)
	front = strconv.AppendUint(front, o.ID, 10)
	front = append(front, ' ')
	front = strconv.AppendUint(front, o.Version, 10)
	front = append(front, " IN "...)
	front = appendAddr(front, o.Address)
	front = append(front, "\r\n"...)
	n := copy(dst[start+len(front):], body)
	return dst[:start+len(front)+n]
}

// appendAddr writes an address with its type: "IP4 192.0.2.1".
func appendAddr(dst []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		a = netip.IPv4Unspecified()
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		dst = append(dst, "IP4 "...)
	} else {
		dst = append(dst, "IP6 "...)
	}
	return a.AppendTo(dst)
}
