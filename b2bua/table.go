package b2bua

import (
	"encoding/binary"
	"strconv"
	"sync"

	"github.com/bifrons/bifrons/sip"
)

const shards = 64

// table holds the calls by their id, and the initial requests that must not make a second call.
type table struct {
	calls [shards]struct {
		sync.Mutex
		m map[uint64]*Call
	}
	initial [shards]struct {
		sync.Mutex
		m map[uint64]*Call
	}
	seed uint64
}

func (t *table) init(key [16]byte) {
	for i := range t.calls {
		t.calls[i].m = map[uint64]*Call{}
		t.initial[i].m = map[uint64]*Call{}
	}
	t.seed = binary.BigEndian.Uint64(key[:8])
}

func (t *table) byID(id uint64) *Call {
	s := &t.calls[id%shards]
	s.Lock()
	defer s.Unlock()
	return s.m[id]
}

func (t *table) byKey(key uint64) *Call {
	s := &t.initial[key%shards]
	s.Lock()
	defer s.Unlock()
	return s.m[key]
}

type added uint8

const (
	addedNew added = iota
	addedTwice
	addedMerged
)

// add enters a call under its id and the keys of its INVITE.
func (t *table) add(c *Call) added {
	if !t.claim(c.Keys[0], c) {
		return addedTwice
	}
	if c.Keys[1] != 0 && !t.claim(c.Keys[1], c) {
		t.release(c.Keys[0], c)
		return addedMerged
	}
	s := &t.calls[c.ID%shards]
	s.Lock()
	defer s.Unlock()
	s.m[c.ID] = c
	return addedNew
}

func (t *table) claim(key uint64, c *Call) bool {
	s := &t.initial[key%shards]
	s.Lock()
	defer s.Unlock()
	if s.m[key] != nil {
		return false
	}
	s.m[key] = c
	return true
}

func (t *table) release(key uint64, c *Call) {
	s := &t.initial[key%shards]
	s.Lock()
	defer s.Unlock()
	if s.m[key] == c {
		delete(s.m, key)
	}
}

func (t *table) remove(c *Call) {
	t.release(c.Keys[0], c)
	t.release(c.Keys[1], c)
	t.drop(c.ID, c)
	for _, id := range c.Adopted {
		t.drop(id, c)
	}
}

// drop forgets that a call is found under an id.
func (t *table) drop(id uint64, c *Call) {
	s := &t.calls[id%shards]
	s.Lock()
	defer s.Unlock()
	if s.m[id] == c {
		delete(s.m, id)
	}
}

// move makes another call be found under the ids of one whose legs it has taken.
func (t *table) move(ids []uint64, to *Call) {
	for _, id := range ids {
		s := &t.calls[id%shards]
		s.Lock()
		s.m[id] = to
		s.Unlock()
	}
}

// all returns the calls at this moment, those that linger included.
func (t *table) all() (out []*Call) {
	for i := range t.calls {
		s := &t.calls[i]
		s.Lock()
		for _, c := range s.m {
			out = append(out, c)
		}
		s.Unlock()
	}
	return out
}

// keys identify an initial INVITE: its transaction (RFC 3261 17.2.3), and the request itself, which may arrive twice by
// different ways (8.2.2.2). A spiral has another Request-URI and is another request.
func (t *table) keys(m *sip.Message) [2]uint64 {
	via, _ := m.TopVia()
	n, _ := m.CSeq()
	var num [10]byte
	cseq := strconv.AppendUint(num[:0], uint64(n), 10)
	from, _ := sip.ParseAddress(m.Get(sip.HdrFrom))
	tag, _ := from.Params.Get("tag")
	tx := t.hash(via.Branch(), via.Host, m.Get(sip.HdrCallID), cseq) + uint64(via.Port)
	return [2]uint64{tx | 1, t.hash(tag, m.Get(sip.HdrCallID), cseq, m.RequestURI) &^ 1}
}

// hash is FNV-1a from a secret start, each part followed by a separator.
func (t *table) hash(parts ...[]byte) uint64 {
	h := t.seed ^ 14695981039346656037
	for _, p := range parts {
		for _, c := range p {
			h = (h ^ uint64(c)) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return h ^ h>>32
}

func (t *table) len() (n int) {
	for i := range t.calls {
		s := &t.calls[i]
		s.Lock()
		n += len(s.m)
		s.Unlock()
	}
	return n
}

// unmerge lets the same request come again by another way: only with one that is ongoing it is merged (RFC 3261 8.2.2.2). When an
// S-CSCF goes on without us (TS 24.229 5.4.3.2), its terminating half asks us with the very request that we refused.
func (s *Server) unmerge(c *Call) {
	s.table.release(c.Keys[1], c)
	c.Keys[1] = 0
}

// forget lets a call go for good.
func (s *Server) forget(c *Call) {
	s.table.remove(c)
	if s.cfg.Store != nil {
		s.cfg.Store.Delete(c.ID)
	}
}
