package hss

import (
	"github.com/bifrons/bifrons/diameter/sh"
)

// view is one question about a subscriber: a reference with what narrows it down. UDR, SNR and the comparison before and
// after a change all look through it.
type view struct {
	ref        sh.Reference
	service    string // RepositoryData
	serverName string // InitialFilterCriteria, DSAI
	tag        string // DSAI
	set        sh.IdentitySet
	named      bool // the identities stand in an element of the set's own name
	domain     *sh.Domain
	nodes      uint32
	active     bool // the location is to be looked up now
	// empty: what is not there is shown as an empty element, as in a notification or with Notif-Eff.
	empty bool
}

// ims returns the document's Sh-IMS-Data, made if need be.
func ims(d *sh.Data) *sh.IMSData {
	if d.IMS == nil {
		d.IMS = new(sh.IMSData)
	}
	return d.IMS
}

// shown returns a pointer to the text, or nil for one that is absent and not to be shown empty.
func (v view) shown(s string) *string {
	if s == "" && !v.empty {
		return nil
	}
	return &s
}

// optional returns p, or an empty text where that is to be shown.
func (v view) optional(p *string) *string {
	if p == nil {
		return v.shown("")
	}
	return p
}

// render puts what the view shows of the subscriber into the document.
func (f found) render(v view, d *sh.Data) {
	doc := f.document
	switch v.ref {
	case sh.RefRepositoryData:
		f.renderRepository(v, d)
	case sh.RefIMSPublicIdentity:
		f.renderIdentities(v, d)
	case sh.RefIMSUserState:
		s := f.state()
		ims(d).UserState = &s
	case sh.RefSCSCFName:
		if n := v.shown(f.SCSCF); n != nil {
			ims(d).SCSCFName = n
		}
	case sh.RefInitialFilterCriteria:
		f.renderCriteria(v, d)
	case sh.RefLocationInformation:
		f.renderLocation(v, d)
	case sh.RefUserState:
		f.renderUserState(v, d)
	case sh.RefChargingInformation:
		if f.Charging != nil || v.empty {
			ims(d).Charging = f.charging()
		}
	case sh.RefMSISDN:
		if d.PublicIdentifiers == nil {
			d.PublicIdentifiers = new(sh.Identities)
		}
		d.PublicIdentifiers.MSISDN = f.MSISDN
	case sh.RefDSAI:
		for _, t := range f.DSAI {
			if t.ServerName == v.serverName && t.Tag == v.tag {
				value := sh.DSAIInactive
				if t.Active {
					value = sh.DSAIActive
				}
				ims(d).DSAI = append(ims(d).DSAI, sh.DSAI{Tag: t.Tag, Value: value})
			}
		}
	case sh.RefIMSI:
		d.IMSI = v.shown(f.IMSI)
	case sh.RefIMEISV:
		d.IMEISV = v.shown(f.IMEISV)
	case sh.RefIMSPrivateUserIdentity:
		d.PrivateIdentities = f.Private
	case sh.RefTADSInformation:
		d.TADS = doc.TADS
	default:
		f.renderIMS(v, d)
	}
}

// renderIMS shows the references that are one element of Sh-IMS-Data.
func (f found) renderIMS(v view, d *sh.Data) {
	from, to := f.document.IMS, ims(d)
	switch v.ref {
	case sh.RefPSIActivation:
		if f.Kind.service() {
			a := sh.PSIInactive
			if f.PSIActive == nil || *f.PSIActive {
				a = sh.PSIActive
			}
			to.PSIActivation = &a
		}
	case sh.RefServiceLevelTraceInfo:
		to.TraceInfo = from.TraceInfo
	case sh.RefIPAddressBinding:
		to.IPv4Address, to.IPv6Prefix, to.IPv6InterfaceID = v.optional(from.IPv4Address), from.IPv6Prefix, from.IPv6InterfaceID
	case sh.RefServicePriorityLevel:
		to.PriorityLevel = from.PriorityLevel
	case sh.RefSMSRegistrationInfo:
		to.SMSRegistration = from.SMSRegistration
		if f.sms != nil {
			to.SMSRegistration = f.sms
		}
	case sh.RefUEReachabilityForIP:
		to.UEReachability = from.UEReachability
	case sh.RefSTNSR:
		to.STNSR = v.shown(f.STNSR)
	case sh.RefUESRVCCCapability:
		if f.UESRVCC != nil {
			c := sh.SRVCCCapability(0)
			if *f.UESRVCC {
				c = 1
			}
			to.UESRVCC = &c
		}
	case sh.RefExtendedPriority:
		to.Priorities = from.Priorities
	case sh.RefCSRN:
		to.CSRN, to.MTRRIndication = v.optional(from.CSRN), from.MTRRIndication
	case sh.RefReferenceLocation:
		to.ReferenceLoc = from.ReferenceLoc
	case sh.RefUE5GSRVCCCapability:
		to.UE5GSRVCC = from.UE5GSRVCC
	}
}

func (f found) renderRepository(v view, d *sh.Data) {
	r, ok := f.repos[repoKey{f.public(f.id).Alias, v.service}]
	if !ok {
		if !v.empty {
			return
		}
		r = sh.RepositoryData{ServiceIndication: v.service}
	}
	d.Repository = append(d.Repository, r)
}

// state is that of the identity; for a shared identity the store has one entry, so it is the same.
func (f found) state() sh.IMSUserState { return sh.IMSUserState(f.public(f.id).State) }

func (f found) renderIdentities(v view, d *sh.Data) {
	own := f.public(f.id)
	ids := new(sh.Identities)
	for _, p := range f.Public {
		in := map[sh.IdentitySet]bool{
			sh.AllIdentities:        true,
			sh.RegisteredIdentities: sh.IMSUserState(p.State) == sh.Registered,
			sh.ImplicitIdentities:   p.Implicit == own.Implicit && sh.IMSUserState(p.State) == sh.Registered,
			sh.AliasIdentities:      p.Alias == own.Alias,
		}[v.set]
		if in && !p.Barred && !f.Kind.wildcarded() {
			ids.Public = append(ids.Public, p.ID)
		}
	}
	if f.Kind != User {
		t := f.Kind.identityType()
		ids.IdentityType = &t
	}
	switch f.Kind {
	case WildcardedPSI:
		ids.WildcardedPSI = &own.ID
	case WildcardedIMPU:
		ids.WildcardedIMPU = &own.ID
	}
	if !v.named {
		if d.PublicIdentifiers != nil {
			ids.MSISDN = d.PublicIdentifiers.MSISDN
		}
		d.PublicIdentifiers = ids
		return
	}
	switch v.set {
	case sh.RegisteredIdentities:
		d.Registered = ids
	case sh.ImplicitIdentities:
		d.Implicit = ids
	case sh.AliasIdentities:
		d.Alias = ids
	default:
		d.All = ids
	}
}

// renderCriteria shows only the criteria that lead to the asking server (TS 29.328 7.6.5).
func (f found) renderCriteria(v view, d *sh.Data) {
	out := new(sh.IFCs)
	if all := f.document.IMS.IFCs; all != nil {
		for _, c := range all.Criteria {
			if c.ApplicationServer.ServerName == v.serverName {
				out.Criteria = append(out.Criteria, c)
			}
		}
	}
	if len(out.Criteria) > 0 || v.empty {
		ims(d).IFCs = out
	}
}

func (f found) charging() *sh.ChargingInformation {
	c := new(sh.ChargingInformation)
	if f.Charging == nil {
		return c
	}
	for _, x := range []struct {
		to   **string
		name *string
	}{
		{&c.PrimaryEvent, &f.Charging.PrimaryEvent}, {&c.SecondaryEvent, &f.Charging.SecondaryEvent},
		{&c.PrimaryCollection, &f.Charging.PrimaryCollection}, {&c.SecondaryCollection, &f.Charging.SecondaryCollection},
	} {
		if *x.name != "" {
			*x.to = x.name
		}
	}
	return c
}

// wants tells whether the question is about a domain and, in the packet domain, about a node.
func (v view) wants(domain sh.Domain, node uint32) bool {
	if v.domain != nil && *v.domain != domain {
		return false
	}
	return domain == sh.CS || v.nodes == 0 || v.nodes&node != 0
}

func (f found) renderUserState(v view, d *sh.Data) {
	packet := func(n *int) *sh.PacketUserState { return (*sh.PacketUserState)(n) }
	if v.wants(sh.CS, 0) {
		d.CSUserState = (*sh.CSUserState)(f.CSState)
	}
	if v.wants(sh.PS, sh.NodeSGSN) {
		d.PSUserState = packet(f.PSState)
	}
	if v.wants(sh.PS, sh.NodeMME) {
		d.EPSUserState = packet(f.EPSState)
	}
	if v.wants(sh.PS, sh.NodeAMF) {
		d.FiveGSUserState = packet(f.FiveGSState)
	}
}

func (f found) renderLocation(v view, d *sh.Data) {
	doc := f.document
	if v.wants(sh.CS, 0) && doc.CSLocation != nil {
		l := *doc.CSLocation
		v.current(&l.CurrentRetrieved, &l.Age)
		d.CSLocation = &l
	}
	if v.wants(sh.PS, sh.NodeSGSN) && doc.PSLocation != nil {
		l := *doc.PSLocation
		v.current(&l.CurrentRetrieved, &l.Age)
		d.PSLocation = &l
	}
	if v.wants(sh.PS, sh.NodeMME) && doc.EPSLocation != nil {
		l := *doc.EPSLocation
		v.current(&l.CurrentRetrieved, &l.Age)
		d.EPSLocation = &l
	}
	if v.wants(sh.PS, sh.NodeAMF) && doc.FiveGSLocation != nil {
		l := *doc.FiveGSLocation
		v.current(&l.CurrentRetrieved, &l.Age)
		d.FiveGSLocation = &l
	}
	if v.wants(sh.PS, sh.NodeAAA) {
		d.TWANLocation = doc.TWANLocation
	}
}

// current marks a location that was asked for with an active retrieval as fresh.
func (v view) current(retrieved **bool, age **int) {
	if v.active {
		yes, now := true, 0
		*retrieved, *age = &yes, &now
	}
}
