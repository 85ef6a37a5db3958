package b2bua

import (
	"fmt"

	"github.com/bifrons/bifrons/sip"
)

// What a model phone does with UPDATE (RFC 3311): one offer at a time, whoever makes it.

// update makes an offer by UPDATE.
func (p *model) update(dir string) {
	if p.over || p.offered != nil || p.unacked != nil || p.ringing != nil {
		return
	}
	p.serial++
	v := &view{port: 4000 + 2*p.serial, mine: dir}
	p.offered = v
	p.request("UPDATE", p.describe(v), v)
}

// updateAnswered takes the answer to an UPDATE: a refused offer changes nothing.
func (p *model) updateAnswered(tx *modelTx, m *sip.Message) {
	if p.offered != tx.ours || tx.ours == nil {
		return
	}
	p.offered = nil
	switch {
	case m.Status < 300:
		p.target = contactURI(m)
		p.agreed = view{tx.ours.port, tx.ours.mine, direction(m.Body)}
	case m.Status == 481 || m.Status == 408:
		p.hangUp()
	}
}

// updated answers an UPDATE: 491 while an offer of its own is open, 500 while it owes an answer, now and then 488.
func (p *model) updated(tx *modelTx, m *sip.Message, n uint32) {
	p.seen = n
	switch {
	case p.offered != nil:
		p.answer(tx, 491, "")
	case p.ringing != nil || p.unacked != nil:
		p.answer(tx, 500, "")
	case p.a.rnd.IntN(8) == 0:
		p.answer(tx, 488, "")
	default:
		p.serial++
		their := direction(m.Body)
		v := &view{4000 + 2*p.serial, map[string]string{"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}[their], their}
		p.agreed, p.target = *v, contactURI(m)
		p.answer(tx, 200, p.describe(v))
	}
}

// String says what a phone believes.
func (v view) String() string {
	return fmt.Sprintf("port %d %s, the other %s", v.port, v.mine, v.their)
}
