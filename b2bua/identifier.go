package b2bua

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"sync"
)

// idKind tells what an identifier of ours is used for.
type idKind uint8

const (
	idTag idKind = iota + 1
	idCallID
	idBranch
)

// minter makes Call-IDs, tags and branches: one AES block under the node's key over (kind, node, leg, call, number), so that
// they are opaque, unlinkable across legs, and lead back to the leg without a map.
type minter struct {
	block  cipher.Block
	node   uint16
	blocks sync.Pool // of *[16]byte: what goes through the cipher's interface would be allocated each time
}

// idAlphabet is lower case only: tags are compared without regard to case.
const idAlphabet = "0123456789abcdefghijklmnopqrstuv"

const idLength = 26

func newMinter(key [16]byte, node uint16) *minter {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // a key of 16 bytes is always accepted
	}
	return &minter{block: b, node: node, blocks: sync.Pool{New: func() any { return new([16]byte) }}}
}

// ref is what an identifier leads to: a call, a leg of it, and which of its tags or transactions.
type ref struct {
	call   uint64
	slot   uint8
	number uint32
}

// append prints the identifier of a ref.
func (m *minter) append(dst []byte, k idKind, r ref) []byte {
	buf := m.blocks.Get().(*[16]byte)
	defer m.blocks.Put(buf)
	buf[0] = byte(k)
	binary.BigEndian.PutUint16(buf[1:], m.node)
	buf[3] = r.slot
	binary.BigEndian.PutUint64(buf[4:], r.call)
	binary.BigEndian.PutUint32(buf[12:], r.number)
	m.block.Encrypt(buf[:], buf[:])
	hi, lo := binary.BigEndian.Uint64(buf[:8]), binary.BigEndian.Uint64(buf[8:])
	for range idLength {
		dst = append(dst, idAlphabet[hi>>59])
		hi, lo = hi<<5|lo>>59, lo<<5
	}
	return dst
}

// find reads an identifier back; ok is false for text that we did not make.
func (m *minter) find(text []byte, k idKind) (r ref, ok bool) {
	if len(text) != idLength {
		return ref{}, false
	}
	var hi, lo uint64
	for i, c := range text {
		c |= 0x20
		var v uint64
		switch {
		case c >= 'a' && c <= 'v':
			v = uint64(c-'a') + 10
		case c >= '0' && c <= '9':
			v = uint64(c - '0')
		default:
			return ref{}, false
		}
		if i == idLength-1 { // 130 bits of text for 128 of data
			hi, lo = hi<<3|lo>>61, lo<<3|v>>2
			break
		}
		hi, lo = hi<<5|lo>>59, lo<<5|v
	}
	buf := m.blocks.Get().(*[16]byte)
	defer m.blocks.Put(buf)
	binary.BigEndian.PutUint64(buf[:8], hi)
	binary.BigEndian.PutUint64(buf[8:], lo)
	m.block.Decrypt(buf[:], buf[:])
	if buf[0] != byte(k) || binary.BigEndian.Uint16(buf[1:]) != m.node {
		return ref{}, false
	}
	return ref{binary.BigEndian.Uint64(buf[4:]), buf[3], binary.BigEndian.Uint32(buf[12:])}, true
}
