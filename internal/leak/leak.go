package leak

import (
	"bytes"
	"encoding/binary"
)

// Kind is what a secret is.
type Kind uint8

// The kinds of secrets.
const (
	Address  Kind = iota // an IP address
	Port                 // an IP address with a port
	Host                 // a host or domain name
	CallID               // a Call-ID, or its part before the host
	Tag                  // of From or To
	Branch               // of a Via
	Software             // a product in User-Agent, Server or Organization
	Origin               // a field of the o= line of a description
	CNAME                // the canonical name of an RTP source
	ICID                 // a charging identity
	SSRC                 // an RTP source: four bytes in packets, hexadecimal digits in reports
	NumKinds
)

var kindNames = [NumKinds]string{"address", "address with port", "host", "Call-ID", "tag", "branch", "software", "origin", "CNAME", "ICID", "SSRC"}

// String returns the word for it.
func (k Kind) String() string { return kindNames[k] }

// The shortest and the longest token that counts as a secret, in bytes. Shorter ones are found anywhere by chance; longer
// ones are known by their start.
const (
	MinLen = 6
	MaxLen = 120
)

// Set is a set of secrets. The zero value is empty and ready.
type Set struct {
	// Limit is how many bytes of secrets are kept; 0 is 16 KB, which is more than the parties of a call have.
	Limit int

	arena  []byte     // entries: kind, mark, length, the token
	filter [64]uint64 // a bit for every gram at which a search may meet a token
	heads  []uint32   // by hash: first of its grams, +1
	grams  []place
	short  int // length of the shortest token
}

// place is a gram of a token: the four bytes at pos of the entry at.
type place struct {
	hash, next uint32
	where      uint32 // at << 8 | pos
}

const (
	gram    = 4 // bytes looked at in one place
	header  = 3 // bytes of an entry before its token
	maxStep = 5
)

// Reset makes the set one of what an Arena gave. Its memory is kept for it.
func (s *Set) Reset(arena []byte) {
	s.wipe()
	s.arena, s.short = append(s.arena[:0], arena...), 0
	arena = s.arena
	for at := 0; at < len(arena); at += header + int(arena[at+2]) {
		if at+header > len(arena) || at+header+int(arena[at+2]) > len(arena) || arena[at+2] < MinLen || Kind(arena[at]) >= NumKinds {
			s.arena = arena[:at] // no arena
			break
		}
		arena[at+1] = 0
		if n := int(arena[at+2]); s.short == 0 || n < s.short {
			s.short = n
		}
	}
	s.rebuild()
}

func (s *Set) wipe() {
	s.filter, s.grams = [64]uint64{}, s.grams[:0]
	clear(s.heads)
}

// Arena returns the secrets as bytes, to be copied and kept where a Set would be too large.
func (s *Set) Arena() []byte { return s.arena }

// Add adds a token, and tells whether it is new. What is too short to be a secret is left out.
func (s *Set) Add(k Kind, token []byte) bool {
	limit := s.Limit
	if limit == 0 {
		limit = 16 << 10
	}
	if len(token) < MinLen || len(s.arena) > limit {
		return false
	}
	token = token[:min(len(token), MaxLen)]
	if at := s.find(token); at >= 0 {
		if k.Identifier() && Kind(s.arena[at]) == ICID { // a charging identity that is the Call-ID is known as that
			s.arena[at] = byte(k)
		}
		return false
	}
	at := len(s.arena)
	s.arena = append(append(s.arena, byte(k), 0, byte(len(token))), token...)
	before := s.step()
	if s.short == 0 || len(token) < s.short {
		s.short = len(token)
	}
	if s.step() < before { // only for tokens of six or seven bytes
		s.rebuild()
	} else {
		s.index(at)
	}
	return true
}

// Has tells whether a token is in the set.
func (s *Set) Has(token []byte) bool {
	return len(token) >= MinLen && s.find(token[:min(len(token), MaxLen)]) >= 0
}

// Each calls f for every secret added since an earlier call returned from; 0 is the beginning.
func (s *Set) Each(from int, f func(Kind, []byte)) int {
	for ; from < len(s.arena); from += header + int(s.arena[from+2]) {
		f(Kind(s.arena[from]), s.arena[from+header:from+header+int(s.arena[from+2])])
	}
	return from
}

// Len returns the number of secrets.
func (s *Set) Len() (n int) {
	s.Each(0, func(Kind, []byte) { n++ })
	return n
}

// step is how far apart the places are that a search looks at: no token can stand between two of them. Addresses have seven
// bytes or more, nearly all other secrets eight: a longer step would only make the tables larger.
func (s *Set) step() int {
	if s.short == 0 {
		return maxStep
	}
	return min(s.short-gram+1, maxStep)
}

// skipped is how far into a token its grams begin, where it is long enough: many share their first letters, as branches do
// (RFC 3261 8.1.1.7).
const skipped = 7

// first returns the position of the first gram of a token of n bytes.
func (s *Set) first(n int) int { return min(n-gram-s.step()+1, skipped) }

// rebuild makes the tables anew for a shorter token.
func (s *Set) rebuild() {
	s.wipe()
	for at := 0; at < len(s.arena); at += header + int(s.arena[at+2]) {
		s.index(at)
	}
}

// index enters the grams of an entry at which a search may meet it.
func (s *Set) index(at int) {
	if len(s.grams) >= 4*len(s.heads) {
		s.grow()
	}
	n := int(s.arena[at+2])
	token, first, last := s.arena[at+header:], s.first(n), n-gram // the last one is for find
	for pos := first; pos <= last; pos++ {
		if pos == first+s.step() {
			pos = last
		}
		h := hash(word(token[pos:]))
		s.filter[h>>26] |= 1 << (h >> 20 & 63)
		s.enter(place{hash: h, where: uint32(at)<<8 | uint32(pos)})
	}
}

func (s *Set) enter(p place) {
	head := &s.heads[s.bucket(p.hash)]
	p.next = *head
	s.grams = append(s.grams, p)
	*head = uint32(len(s.grams))
}

func (s *Set) bucket(h uint32) uint32 { return h >> 8 & uint32(len(s.heads)-1) }

// grow makes room for more grams.
func (s *Set) grow() {
	all := s.grams
	s.heads, s.grams = make([]uint32, max(256, 4*len(s.heads))), make([]place, 0, max(256, 2*len(all)))
	for _, p := range all {
		s.enter(p)
	}
}

// find returns where the entry of a token is, -1 for none.
func (s *Set) find(token []byte) int {
	if len(s.heads) == 0 {
		return -1
	}
	last := len(token) - gram
	h := hash(word(token[last:]))
	if s.filter[h>>26]>>(h>>20&63)&1 == 0 {
		return -1
	}
	for i := s.heads[s.bucket(h)]; i != 0; {
		p := s.grams[i-1]
		if at := int(p.where >> 8); p.hash == h && int(p.where&0xff) == last && int(s.arena[at+2]) == len(token) && same(s.arena[at+header:at+header+len(token)], token) {
			return at
		}
		i = p.next
	}
	return -1
}

// Hit is a secret found.
type Hit struct {
	Kind       Kind
	Start, End int // of it in the text
	entry      int
}

// Next finds the first secret in b that starts at from or later.
func (s *Set) Next(b []byte, from int) (Hit, bool) {
	best := Hit{Start: len(b)}
	if len(s.arena) == 0 {
		return best, false
	}
	step, filter := s.step(), &s.filter
	at := from
	for last := len(b) - gram; at <= last; at += step {
		h := hash(word(b[at:]))
		if filter[h>>26]>>(h>>20&63)&1 == 0 {
			continue
		}
		if s.candidates(b, from, at, h, &best); best.End > 0 {
			break
		}
	}
	// A token is met soon after its start, so a few places more are enough.
	for at += step; at+gram <= len(b) && at < best.Start+step+skipped; at += step {
		s.candidates(b, from, at, hash(word(b[at:])), &best)
	}
	return best, best.End > 0
}

// candidates verifies what may stand at a place of the text; of those that start first, an identifier is kept
// before another kind, and a longer one before a shorter.
func (s *Set) candidates(b []byte, from, at int, h uint32, best *Hit) {
	for i := s.heads[s.bucket(h)]; i != 0; {
		p := s.grams[i-1]
		if i = p.next; p.hash != h {
			continue
		}
		entry := int(p.where >> 8)
		start, n := at-int(p.where&0xff), int(s.arena[entry+2])
		if start < from || start > best.Start || start+n > len(b) || start == best.Start && !weightier(Kind(s.arena[entry]), start+n, best) ||
			!same(s.arena[entry+header:entry+header+n], b[start:start+n]) || !s.alone(b, start, start+n, Kind(s.arena[entry])) {
			continue
		}
		*best = Hit{Kind(s.arena[entry]), start, start + n, entry}
	}
}

// weightier tells whether a token that starts where best does, and is another, is worse than it.
func weightier(k Kind, end int, best *Hit) bool {
	if best.End == 0 || k.Identifier() == best.Kind.Identifier() {
		return end > best.End
	}
	return k.Identifier()
}

// Identifier tells whether a secret of this kind never has a reason to cross: it names a dialog, a transaction or a source.
func (k Kind) Identifier() bool { return k == CallID || k == Tag || k == Branch || k == CNAME }

// telling is the length from which a token is no coincidence inside another word.
const telling = 12

// alone tells whether a token stands for itself: 10.0.0.1 is not in 110.0.0.12, and example.org not in ims.example.org,
// which is heard as a name of its own.
func (s *Set) alone(b []byte, start, end int, k Kind) bool {
	if end-start >= telling && k > Host {
		return true
	}
	if start > 0 && (wordByte(b[start-1]) && wordByte(b[start]) || k == Host && (b[start-1] == '.' || b[start-1] == '-')) {
		return false
	}
	if end == len(b) {
		return true
	}
	return !(wordByte(b[end]) && wordByte(b[end-1])) &&
		!(k == Host && (b[end] == '-' || b[end] == '.' && end+1 < len(b) && wordByte(b[end+1])))
}

// Marked tells whether Mark was called for what was hit, with the same number.
func (s *Set) Marked(h Hit, mark uint8) bool { return s.arena[h.entry+1] == mark }

// Mark remembers a verdict about a secret, so that it need not be found again: for whom it is none.
func (s *Set) Mark(h Hit, mark uint8) { s.arena[h.entry+1] = mark }

// Token returns the secret that was hit.
func (s *Set) Token(h Hit) []byte {
	return s.arena[h.entry+header : h.entry+header+int(s.arena[h.entry+2])]
}

const fold = 0x20202020

func word(b []byte) uint32 { return binary.LittleEndian.Uint32(b) | fold }

// hash spreads a gram: its top twelve bits are the bit of the filter, those below the bucket.
func hash(w uint32) uint32 { return (w ^ w>>15) * 0x9e3779b1 }

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// same compares two texts of one length without regard to the case of letters.
func same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	for i, c := range b {
		if a[i] != c && lower(a[i]) != lower(c) {
			return false
		}
	}
	return true
}

func wordByte(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 26 }
