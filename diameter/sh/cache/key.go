package cache

import (
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
)

// Key names what is cached: one reference of one identity, with what the reference needs.
type Key struct {
	Identity sh.Identity
	Ref      sh.Reference
	// Service is for RepositoryData; ServerName for InitialFilterCriteria and DSAI; Tag for DSAI.
	Service    string
	ServerName string
	Tag        string
	// Set is for IMSPublicIdentity.
	Set sh.IdentitySet
	// Domain is for UserState and LocationInformation: 0 none, 1 CS, 2 PS.
	Domain uint8
	// PrivateIdentity is for STN-SR and the SRVCC capabilities.
	PrivateIdentity string
}

// udr returns the request that reads the key.
func (k Key) udr(features []sh.Features) *sh.UDR {
	q := &sh.UDR{
		Identity: k.Identity, References: []sh.Reference{k.Ref}, ServerName: k.ServerName, PrivateIdentity: k.PrivateIdentity,
		Features: features,
	}
	if k.Service != "" {
		q.ServiceIndications = []string{k.Service}
	}
	if k.Tag != "" {
		q.DSAITags = []string{k.Tag}
	}
	if k.Set != sh.AllIdentities {
		q.IdentitySets = []sh.IdentitySet{k.Set}
	}
	if k.Domain != 0 {
		d := sh.Domain(k.Domain - 1)
		q.RequestedDomain = &d
	}
	return q
}

// UDR returns the request that reads the key past the cache.
func (k Key) UDR() *sh.UDR { return k.udr(nil) }

// snr returns the request that subscribes to the key and reads it.
func (k Key) snr(features []sh.Features, expiry time.Time) *sh.SNR {
	q := &sh.SNR{
		Identity: k.Identity, References: []sh.Reference{k.Ref}, ServerName: k.ServerName, PrivateIdentity: k.PrivateIdentity,
		Features: features, SendData: true, Expiry: expiry,
	}
	if k.Service != "" {
		q.ServiceIndications = []string{k.Service}
	}
	if k.Tag != "" {
		q.DSAITags = []string{k.Tag}
	}
	if k.Set != sh.AllIdentities {
		q.IdentitySets = []sh.IdentitySet{k.Set}
	}
	return q
}

// notified tells whether the reference can be subscribed to for good; the one-time notification of reference 25 cannot.
func (k Key) notified() bool { return k.Ref.Allows(sh.Notify) && k.Ref.Allows(sh.Read) }

// project returns what a notification says about the key; ok is false when it says nothing about it.
func (k Key) project(d *sh.Data) (out *sh.Data, ok bool) {
	out = new(sh.Data)
	switch k.Ref {
	case sh.RefRepositoryData:
		for _, r := range d.Repository {
			if r.ServiceIndication == k.Service {
				ok = true
				if r.ServiceData != nil {
					out.Repository = append(out.Repository, r)
				}
			}
		}
		return out, ok
	case sh.RefIMSPublicIdentity:
		return k.projectIdentities(d)
	case sh.RefIMSPrivateUserIdentity:
		out.PrivateIdentities = d.PrivateIdentities
		return out, d.PrivateIdentities != nil
	}
	if d.IMS == nil {
		return nil, false
	}
	out.IMS = new(sh.IMSData)
	return out, k.projectIMS(d.IMS, out.IMS)
}

func (k Key) projectIdentities(d *sh.Data) (out *sh.Data, ok bool) {
	ids := map[sh.IdentitySet]*sh.Identities{
		sh.AllIdentities: d.All, sh.RegisteredIdentities: d.Registered, sh.ImplicitIdentities: d.Implicit, sh.AliasIdentities: d.Alias,
	}[k.Set]
	if ids == nil {
		// Without Notif-Eff every set comes in the element of all of them.
		ids = d.PublicIdentifiers
	}
	return &sh.Data{PublicIdentifiers: ids}, ids != nil
}

// projectIMS copies the element of the reference; an empty one counts as told.
func (k Key) projectIMS(from, to *sh.IMSData) bool {
	switch k.Ref {
	case sh.RefIMSUserState:
		to.UserState = from.UserState
		return from.UserState != nil
	case sh.RefSCSCFName:
		to.SCSCFName = from.SCSCFName
		return from.SCSCFName != nil
	case sh.RefInitialFilterCriteria:
		to.IFCs = from.IFCs
		return from.IFCs != nil
	case sh.RefChargingInformation:
		to.Charging = from.Charging
		return from.Charging != nil
	case sh.RefPSIActivation:
		to.PSIActivation = from.PSIActivation
		return from.PSIActivation != nil
	case sh.RefDSAI:
		for _, x := range from.DSAI {
			if x.Tag == k.Tag {
				to.DSAI = append(to.DSAI, x)
			}
		}
		return to.DSAI != nil
	case sh.RefServiceLevelTraceInfo:
		to.TraceInfo = from.TraceInfo
		return from.TraceInfo != nil
	case sh.RefIPAddressBinding:
		to.IPv4Address, to.IPv6Prefix, to.IPv6InterfaceID = from.IPv4Address, from.IPv6Prefix, from.IPv6InterfaceID
		return from.IPv4Address != nil || from.IPv6Prefix != nil
	case sh.RefServicePriorityLevel:
		to.PriorityLevel = from.PriorityLevel
		return from.PriorityLevel != nil
	case sh.RefUESRVCCCapability:
		to.UESRVCC = from.UESRVCC
		return from.UESRVCC != nil
	case sh.RefExtendedPriority:
		to.Priorities = from.Priorities
		return from.Priorities != nil
	case sh.RefUE5GSRVCCCapability:
		to.UE5GSRVCC = from.UE5GSRVCC
		return from.UE5GSRVCC != nil
	}
	return false
}
