package diameter

import (
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter/dict"
)

// Route says where a request has to go. The Host may be empty: then any peer that serves the Realm will do.
type Route struct {
	Realm string
	Host  string
}

// ids makes the identifiers of our requests.
type ids struct {
	session string // Origin-Host and start time
	low     atomic.Uint32
	end     atomic.Uint32
}

func newIDs(host string) *ids {
	now := uint32(time.Now().Unix())
	g := &ids{session: host + ";" + strconv.FormatUint(uint64(now), 10) + ";"}
	g.low.Store(rand.Uint32())
	// RFC 6733 3: the upper 12 bits from the clock, the lower 20 by chance, so that the id is unique for 4 minutes even
	// across a restart.
	g.end.Store(now<<20 | rand.Uint32()&0xfffff)
	return g
}

// sessionID returns a new Session-Id (RFC 6733 8.8).
func (g *ids) sessionID() string {
	return g.session + strconv.FormatUint(uint64(g.low.Add(1)), 10)
}

// NewRequest returns a request of an application, with everything that any request of it carries: Session-Id,
// Vendor-Specific-Application-Id, Auth-Session-State, origin and destination. The caller appends its own AVPs.
func (e *Endpoint) NewRequest(app, command uint32, to Route) *diam.Message {
	m := diam.NewMessage(command, diam.RequestFlag|diam.ProxiableFlag, app, 1, e.ids.end.Add(1), e.dict.Parser())
	m.AVP = make([]*diam.AVP, 0, 12)
	Add(m, dict.SessionID, datatype.UTF8String(e.ids.sessionID()))
	m.AVP = append(m.AVP, e.appAVPs[app]...)
	if to.Host != "" {
		Add(m, dict.DestinationHost, datatype.DiameterIdentity(to.Host))
	}
	Add(m, dict.DestinationRealm, datatype.DiameterIdentity(to.Realm))
	return m
}

// commonAVPs returns the AVPs that every request and answer of the application shares; they are never changed.
func (e *Endpoint) commonAVPs(a Application) []*diam.AVP {
	out := []*diam.AVP{}
	if a.Vendor != 0 {
		out = append(out, vendorApplication(a))
	} else {
		out = append(out, AVP(dict.AuthApplicationID, datatype.Unsigned32(a.ID)))
	}
	// TS 29.329 6.1: NO_STATE_MAINTAINED, there is no session to terminate.
	out = append(out, AVP(dict.AuthSessionState, datatype.Enumerated(1)))
	return append(out, e.origin...)
}

func vendorApplication(a Application) *diam.AVP {
	return AVP(dict.VendorSpecificApplicationID, &diam.GroupedAVP{AVP: []*diam.AVP{
		AVP(dict.VendorID, datatype.Unsigned32(a.Vendor)),
		AVP(dict.AuthApplicationID, datatype.Unsigned32(a.ID)),
	}})
}

// AVP returns a base AVP with the M bit.
func AVP(code uint32, data datatype.Type) *diam.AVP {
	return diam.NewAVP(code, avpMandatory, 0, data)
}

// Add appends a base AVP with the M bit to the message.
func Add(m *diam.Message, code uint32, data datatype.Type) {
	m.AVP = append(m.AVP, AVP(code, data))
}

// Find returns the first AVP at the top of the message with this vendor and code, or nil. The codec's own search goes by
// code alone and into groups, where the same number may be another AVP.
func Find(avps []*diam.AVP, vendor, code uint32) *diam.AVP {
	for _, a := range avps {
		if a.Code == code && a.VendorID == vendor {
			return a
		}
	}
	return nil
}

// Text returns the value of an AVP of a text type, or "".
func Text(avps []*diam.AVP, vendor, code uint32) string {
	a := Find(avps, vendor, code)
	if a == nil {
		return ""
	}
	return text(a.Data)
}

func text(d datatype.Type) string {
	switch v := d.(type) {
	case datatype.UTF8String:
		return string(v)
	case datatype.DiameterIdentity:
		return string(v)
	case datatype.OctetString:
		return string(v)
	case datatype.DiameterURI:
		return string(v)
	}
	return ""
}

// Number returns the value of an AVP of a 32-bit type.
func Number(avps []*diam.AVP, vendor, code uint32) (n uint32, ok bool) {
	a := Find(avps, vendor, code)
	if a == nil {
		return 0, false
	}
	switch v := a.Data.(type) {
	case datatype.Unsigned32:
		return uint32(v), true
	case datatype.Enumerated:
		return uint32(v), true
	}
	return 0, false
}

// Group returns the members of a grouped AVP, or nil.
func Group(a *diam.AVP) []*diam.AVP {
	if a == nil {
		return nil
	}
	if g, ok := a.Data.(*diam.GroupedAVP); ok {
		return g.AVP
	}
	return nil
}

// serialize returns the bytes of the message with a length that is right whoever appended to it.
func serialize(m *diam.Message) ([]byte, error) {
	n := m.Len()
	if n > maxLength {
		return nil, errTooLong
	}
	m.Header.MessageLength = uint32(n)
	return m.Serialize()
}
