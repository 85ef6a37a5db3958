package sh

import (
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// flags returns the flags of a Sh AVP (TS 29.329 table 6.3.1): V always, M for the AVPs of the first releases.
func flags(code uint32) uint8 {
	switch code {
	case dict.PublicIdentity, dict.ServerName, dict.UserIdentity, dict.MSISDN, dict.UserData, dict.DataReference,
		dict.ServiceIndication, dict.SubsReqType, dict.RequestedDomain, dict.CurrentLocation, dict.DSAITag,
		dict.ExternalIdentifier:
		return 0xc0
	}
	return 0x80
}

func shAVP(code uint32, d datatype.Type) *diam.AVP {
	return diam.NewAVP(code, flags(code), dict.Vendor3GPP, d)
}

// list gathers the AVPs of a message; what is empty is left out.
type list []*diam.AVP

func (l *list) add(a *diam.AVP) { *l = append(*l, a) }

func (l *list) text(code uint32, s string) {
	if s != "" {
		l.add(shAVP(code, datatype.UTF8String(s)))
	}
}

func (l *list) octets(code uint32, s string) {
	if s != "" {
		l.add(shAVP(code, datatype.OctetString(s)))
	}
}

func (l *list) each(code uint32, ss []string) {
	for _, s := range ss {
		l.octets(code, s)
	}
}

func (l *list) number(code, n uint32) {
	if n != 0 {
		l.add(shAVP(code, datatype.Unsigned32(n)))
	}
}

func (l *list) enum(code, n uint32) { l.add(shAVP(code, datatype.Enumerated(n))) }

func (l *list) userName(s string) {
	if s != "" {
		l.add(diameter.AVP(dict.UserName, datatype.UTF8String(s)))
	}
}

func (l *list) when(code uint32, t time.Time) {
	if !t.IsZero() {
		l.add(shAVP(code, datatype.Time(t)))
	}
}

func (l *list) references(refs []Reference) {
	for _, r := range refs {
		l.enum(dict.DataReference, uint32(r))
	}
}

func (l *list) features(fs []Features) {
	for _, f := range fs {
		l.add(f.avp())
	}
}

func (l *list) data(d *Data, raw []byte) error {
	if d != nil {
		x, err := d.XML()
		if err != nil {
			return err
		}
		raw = x
	}
	if raw != nil {
		l.add(shAVP(dict.UserData, datatype.OctetString(raw)))
	}
	return nil
}

func find(avps []*diam.AVP, code uint32) *diam.AVP { return diameter.Find(avps, dict.Vendor3GPP, code) }

func str(avps []*diam.AVP, code uint32) string { return diameter.Text(avps, dict.Vendor3GPP, code) }

func num(avps []*diam.AVP, code uint32) (uint32, bool) {
	return diameter.Number(avps, dict.Vendor3GPP, code)
}

// optional returns the number of an AVP as a pointer to its own type, nil if it is absent.
func optional[T ~uint32](avps []*diam.AVP, code uint32) *T {
	n, ok := num(avps, code)
	if !ok {
		return nil
	}
	v := T(n)
	return &v
}

func strs(avps []*diam.AVP, code uint32) (out []string) {
	for _, a := range avps {
		if a.Code == code && a.VendorID == dict.Vendor3GPP {
			out = append(out, diameter.Text([]*diam.AVP{a}, dict.Vendor3GPP, code))
		}
	}
	return out
}

func nums[T ~uint32](avps []*diam.AVP, code uint32) (out []T) {
	for _, a := range avps {
		if a.Code == code && a.VendorID == dict.Vendor3GPP {
			n, _ := num([]*diam.AVP{a}, code)
			out = append(out, T(n))
		}
	}
	return out
}

func when(avps []*diam.AVP, code uint32) time.Time {
	if a := find(avps, code); a != nil {
		if t, ok := a.Data.(datatype.Time); ok {
			return time.Time(t)
		}
	}
	return time.Time{}
}

// Features is a Supported-Features AVP (TS 29.229 6.3.29).
type Features struct {
	Vendor uint32
	ListID uint32
	List   uint32
	// Insist sets the M bit: the HSS must fail rather than lack one of them.
	Insist bool
}

// Bits of feature list 1 of Sh (TS 29.329 table 7.1.1).
const (
	NotifEff         uint32 = 1 << 0
	UpdateEff        uint32 = 1 << 1
	UpdateEffEnhance uint32 = 1 << 2
	AdditionalMSISDN uint32 = 1 << 3
)

// ShFeatures returns a Supported-Features of list 1 with these bits.
func ShFeatures(bits uint32) Features {
	return Features{Vendor: dict.Vendor3GPP, ListID: 1, List: bits}
}

func (f Features) avp() *diam.AVP {
	var m uint8
	if f.Insist {
		m = 0x40
	}
	return diam.NewAVP(dict.SupportedFeatures, 0x80|m, dict.Vendor3GPP, &diam.GroupedAVP{AVP: []*diam.AVP{
		diameter.AVP(dict.VendorID, datatype.Unsigned32(f.Vendor)),
		shAVP(dict.FeatureListID, datatype.Unsigned32(f.ListID)),
		shAVP(dict.FeatureList, datatype.Unsigned32(f.List)),
	}})
}

func parseFeatures(avps []*diam.AVP) (out []Features) {
	for _, a := range avps {
		if a.Code != dict.SupportedFeatures || a.VendorID != dict.Vendor3GPP {
			continue
		}
		g := diameter.Group(a)
		f := Features{Insist: a.Flags&0x40 != 0}
		f.Vendor, _ = diameter.Number(g, 0, dict.VendorID)
		f.ListID, _ = num(g, dict.FeatureListID)
		f.List, _ = num(g, dict.FeatureList)
		out = append(out, f)
	}
	return out
}

// RepositoryDataID names transparent data in a PUA (TS 29.329 6.3.24).
type RepositoryDataID struct {
	ServiceIndication string
	SequenceNumber    uint16
}

func (r *RepositoryDataID) avp() *diam.AVP {
	return shAVP(dict.RepositoryDataID, &diam.GroupedAVP{AVP: []*diam.AVP{
		shAVP(dict.ServiceIndication, datatype.OctetString(r.ServiceIndication)),
		shAVP(dict.SequenceNumber, datatype.Unsigned32(r.SequenceNumber)),
	}})
}

func parseRepositoryDataID(avps []*diam.AVP) *RepositoryDataID {
	a := find(avps, dict.RepositoryDataID)
	if a == nil {
		return nil
	}
	g := diameter.Group(a)
	n, _ := num(g, dict.SequenceNumber)
	return &RepositoryDataID{str(g, dict.ServiceIndication), uint16(n)}
}

// CallReference is a Call-Reference-Info, in the coding of MAP.
type CallReference struct {
	Number   []byte
	ASNumber []byte
}

func (c *CallReference) avp() *diam.AVP {
	return shAVP(dict.CallReferenceInfo, &diam.GroupedAVP{AVP: []*diam.AVP{
		shAVP(dict.CallReferenceNumber, datatype.OctetString(c.Number)),
		shAVP(dict.ASNumber, datatype.OctetString(c.ASNumber)),
	}})
}

func parseCallReference(avps []*diam.AVP) *CallReference {
	a := find(avps, dict.CallReferenceInfo)
	if a == nil {
		return nil
	}
	g := diameter.Group(a)
	return &CallReference{[]byte(str(g, dict.CallReferenceNumber)), []byte(str(g, dict.ASNumber))}
}
