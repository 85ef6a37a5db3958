package hss

import (
	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// remembered bounds how many updates are known again.
const remembered = 4096

// origin names a request across all ways it may take (RFC 6733 3: end-to-end identifier).
type origin struct {
	host     string
	endToEnd uint32
}

// outcome is what became of an update.
type outcome struct {
	answer *diam.Message
	err    error
}

// duplicates knows the last updates again: one that was sent twice, because the first way looked lost, is done once.
type duplicates struct {
	done  map[origin]outcome
	order []origin // the ring of the keys in done
	next  int
}

// once does an update, or tells again what became of it when it comes with the T bit. The store's lock is not held.
func (s *Server) once(r *diameter.Request, as asker, do func() (*diam.Message, error)) (*diam.Message, error) {
	k := origin{as.host, r.Message.Header.EndToEndID}
	if r.Message.Header.CommandFlags&diam.RetransmittedFlag != 0 {
		s.mu.RLock()
		o, ok := s.duplicates.done[k]
		s.mu.RUnlock()
		if ok && o.err == nil {
			// Proxy-Info is that of the new way; our own AVPs are those of the first answer.
			a := r.Answer(diameter.Success)
			for _, x := range o.answer.AVP {
				if x.VendorID == dict.Vendor3GPP {
					a.AVP = append(a.AVP, x)
				}
			}
			return a, nil
		}
		if ok {
			return nil, o.err
		}
	}
	a, err := do()
	s.mu.Lock()
	s.duplicates.add(k, outcome{a, err})
	s.mu.Unlock()
	return a, err
}

func (d *duplicates) add(k origin, o outcome) {
	if d.done == nil {
		d.done = make(map[origin]outcome)
	}
	if len(d.order) < remembered {
		d.order = append(d.order, k)
	} else {
		delete(d.done, d.order[d.next])
		d.order[d.next] = k
		d.next = (d.next + 1) % remembered
	}
	d.done[k] = o
}
