package b2bua

import (
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// engineOwned never cross, whatever a policy says: the engine writes them (architecture R11).
var engineOwned = [...]sip.HeaderID{sip.HdrVia, sip.HdrFrom, sip.HdrTo, sip.HdrCallID, sip.HdrCSeq, sip.HdrContact,
	sip.HdrMaxForwards, sip.HdrMaxBreadth, sip.HdrRoute, sip.HdrRecordRoute, sip.HdrContentType, sip.HdrContentLength, sip.HdrAllow,
	sip.HdrSupported, sip.HdrRequire, sip.HdrProxyRequire, sip.HdrUnsupported, sip.HdrRSeq, sip.HdrRAck,
	sip.HdrSessionExpires, sip.HdrMinSE, sip.HdrReason, sip.HdrTimestamp, sip.HdrRetryAfter}

// dialogHeaders name dialogs: their identifiers are translated, or they do not cross.
var dialogHeaders = [...]sip.HeaderID{sip.HdrReplaces, sip.HdrJoin, sip.HdrTargetDialog, sip.HdrInReplyTo, sip.HdrReferTo}

// hopByHop end at each leg under every ready policy: they speak of one party's software, topology, credentials or
// capabilities.
var hopByHop = [...]sip.HeaderID{sip.HdrUserAgent, sip.HdrServer, sip.HdrOrganization, sip.HdrWarning, sip.HdrErrorInfo,
	sip.HdrAuthorization, sip.HdrProxyAuthorization, sip.HdrWWWAuthenticate, sip.HdrProxyAuthenticate,
	sip.HdrAuthenticationInfo, sip.HdrPath, sip.HdrServiceRoute, sip.HdrSecurityClient, sip.HdrSecurityServer,
	sip.HdrSecurityVerify, sip.HdrPServedUser, sip.HdrPPreferredIdentity, sip.HdrPPreferredService, sip.HdrCiscoGUID,
	sip.HdrAllowEvents, sip.HdrAccept, sip.HdrAcceptEncoding, sip.HdrDate}

// fresh makes a policy that treats all headers alike but for those above.
func fresh(name string, rest Action) *Policy {
	p := &Policy{Name: name, Version: 1, Rest: rest, RestBodies: rest, SDP: sdp.PolicyNamed(name), Others: map[string]Rule{}}
	for id := range p.Headers {
		p.Headers[id].Action = rest
	}
	for _, id := range hopByHop {
		p.Headers[id].Action = Drop
	}
	for _, id := range dialogHeaders {
		p.Headers[id].Action = Map
	}
	for _, id := range engineOwned {
		p.Headers[id].Action = Own
	}
	return p
}

// UntrustedPolicy drops whatever is not needed to talk.
func UntrustedPolicy() *Policy {
	p := fresh("untrusted", Drop).table([]HeaderRow{
		{"Privacy", Rule{Action: Carry}}, // who comes next must know, too
		{"Content-Disposition", Rule{Action: Carry}},
		{"Content-Encoding", Rule{Action: Carry}},
		{"Content-Language", Rule{Action: Carry}},
		{"Info-Package", Rule{Action: Carry}},
		{"Recv-Info", Rule{Action: Carry}},
		{"Priority", Rule{Action: Carry}},
		{"Accept-Language", Rule{Action: Carry}},
		{"Refer-To", Rule{Action: Drop}}, // its URI names a third party
	})
	p.Bodies = []BodyRule{{"application/dtmf-relay", Carry}, {"application/dtmf", Carry}, {"text/plain", Carry},
		{sipfragType, Own}, {"application/isup", Drop}, {"application/qsig", Drop}, {"application/pidf+xml", Drop},
		{"application/resource-lists+xml", Drop}, {dialogInfoType, Drop}, {"application/3gpp-ims+xml", Drop}, {"message/cpim", Drop}}
	p.Display, p.User, p.Privacy, p.StripExtensions = Normalised, Normalised, true, true
	return p
}

// TrustedPolicy is for networks of one trust domain that are no IMS: all crosses but software, topology and dialogs.
func TrustedPolicy() *Policy {
	p := fresh("trusted", Carry)
	p.Bodies = []BodyRule{{sipfragType, Own}, {dialogInfoType, Drop}}
	p.Names, p.ContactTags = true, true
	return p
}

// TransparentPolicy carries the names of the software and hints of dates as well.
func TransparentPolicy() *Policy {
	return NewPolicy("transparent", 1, TrustedPolicy(), []HeaderRow{
		{"User-Agent", Rule{Action: Carry}},
		{"Server", Rule{Action: Carry}},
		{"Organization", Rule{Action: Carry}},
		{"Date", Rule{Action: Carry}},
		{"Accept", Rule{Action: Carry}},
	})
}

// PolicyNames are the names PolicyNamed knows.
func PolicyNames() []string { return []string{"transparent", "trusted", "untrusted"} }
