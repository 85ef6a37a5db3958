package sip

// HeaderID names a header field; names Bifrons treats in some way have one of their own, all others are HdrOther.
type HeaderID uint8

// The header fields with an identity, in the order of headerNames.
const (
	HdrOther HeaderID = iota
	HdrVia
	HdrFrom
	HdrTo
	HdrCallID
	HdrCSeq
	HdrContact
	HdrMaxForwards
	HdrMaxBreadth
	HdrRoute
	HdrRecordRoute
	HdrContentType
	HdrContentLength
	HdrContentEncoding
	HdrContentDisposition
	HdrContentLanguage
	HdrContentID
	HdrMIMEVersion
	HdrAllow
	HdrSupported
	HdrRequire
	HdrProxyRequire
	HdrUnsupported
	HdrAccept
	HdrAcceptEncoding
	HdrAcceptLanguage
	HdrAllowEvents
	HdrEvent
	HdrExpires
	HdrDate
	HdrUserAgent
	HdrServer
	HdrOrganization
	HdrSubject
	HdrPriority
	HdrReason
	HdrWarning
	HdrErrorInfo
	HdrCallInfo
	HdrAlertInfo
	HdrGeolocation
	HdrGeolocationRouting
	HdrRetryAfter
	HdrTimestamp
	HdrAuthorization
	HdrProxyAuthorization
	HdrWWWAuthenticate
	HdrProxyAuthenticate
	HdrAuthenticationInfo
	HdrReferTo
	HdrReferredBy
	HdrReplaces
	HdrJoin
	HdrTargetDialog
	HdrInReplyTo
	HdrRSeq
	HdrRAck
	HdrSessionExpires
	HdrMinSE
	HdrMinExpires
	HdrSessionID
	HdrPrivacy
	HdrPAssertedIdentity
	HdrPPreferredIdentity
	HdrRemotePartyID
	HdrPChargingVector
	HdrPChargingFunctionAddresses
	HdrPVisitedNetworkID
	HdrPAccessNetworkInfo
	HdrPServedUser
	HdrPCalledPartyID
	HdrPAssociatedURI
	HdrPAssertedService
	HdrPPreferredService
	HdrPEarlyMedia
	HdrAcceptContact
	HdrRejectContact
	HdrRequestDisposition
	HdrFeatureCaps
	HdrPath
	HdrServiceRoute
	HdrSecurityClient
	HdrSecurityServer
	HdrSecurityVerify
	HdrIdentity
	HdrIdentityInfo
	HdrDiversion
	HdrHistoryInfo
	HdrResourcePriority
	HdrAnswerMode
	HdrPrivAnswerMode
	HdrRecvInfo
	HdrInfoPackage
	HdrUserToUser
	HdrCiscoGUID
	NumHeaders
)

// headerNames are the canonical names, by HeaderID.
var headerNames = [NumHeaders]string{
	"", "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Max-Breadth", "Route", "Record-Route",
	"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Content-Language", "Content-ID",
	"MIME-Version", "Allow", "Supported", "Require", "Proxy-Require", "Unsupported", "Accept", "Accept-Encoding",
	"Accept-Language", "Allow-Events", "Event", "Expires", "Date", "User-Agent", "Server", "Organization", "Subject",
	"Priority", "Reason", "Warning", "Error-Info", "Call-Info", "Alert-Info", "Geolocation", "Geolocation-Routing",
	"Retry-After", "Timestamp", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate",
	"Authentication-Info", "Refer-To", "Referred-By", "Replaces", "Join", "Target-Dialog", "In-Reply-To", "RSeq", "RAck",
	"Session-Expires", "Min-SE", "Min-Expires", "Session-ID", "Privacy", "P-Asserted-Identity", "P-Preferred-Identity",
	"Remote-Party-ID", "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Visited-Network-ID",
	"P-Access-Network-Info", "P-Served-User", "P-Called-Party-ID", "P-Associated-URI", "P-Asserted-Service",
	"P-Preferred-Service", "P-Early-Media", "Accept-Contact", "Reject-Contact", "Request-Disposition", "Feature-Caps",
	"Path", "Service-Route", "Security-Client", "Security-Server", "Security-Verify", "Identity", "Identity-Info",
	"Diversion", "History-Info", "Resource-Priority", "Answer-Mode", "Priv-Answer-Mode", "Recv-Info", "Info-Package",
	"User-to-User", "Cisco-Guid",
}

// compactForms are the one-letter names (RFC 3261 7.3.3, RFC 3515, 3841, 3892, 4028, 6665, 8224).
var compactForms = [26]HeaderID{
	0: HdrAcceptContact, 'b' - 'a': HdrReferredBy, 'c' - 'a': HdrContentType, 'd' - 'a': HdrRequestDisposition,
	'e' - 'a': HdrContentEncoding, 'f' - 'a': HdrFrom, 'i' - 'a': HdrCallID, 'j' - 'a': HdrRejectContact,
	'k' - 'a': HdrSupported, 'l' - 'a': HdrContentLength, 'm' - 'a': HdrContact, 'n' - 'a': HdrIdentityInfo,
	'o' - 'a': HdrEvent, 'r' - 'a': HdrReferTo, 's' - 'a': HdrSubject, 't' - 'a': HdrTo, 'u' - 'a': HdrAllowEvents,
	'v' - 'a': HdrVia, 'x' - 'a': HdrSessionExpires, 'y' - 'a': HdrIdentity,
}

// headerSlots finds the HeaderID of a name by its slot. No two names share one today; one that did would have the next.
var headerSlots = func() (t [numSlots]HeaderID) {
	for id := HdrOther + 1; id < NumHeaders; id++ {
		i := slot([]byte(headerNames[id]))
		for t[i] != HdrOther {
			i = (i + 1) % numSlots
		}
		t[i] = id
	}
	return t
}()

const numSlots = 512

// slot hashes the length and three letters of a name of two letters or more, without regard to case. The factors were
// searched for.
func slot(name []byte) uint {
	n := len(name)
	return (uint(n)*51 + uint(name[0]|0x20)*6 + uint(name[n/2]|0x20)*57 + uint(name[n-1]|0x20)*117) % numSlots
}

// String returns the canonical name, "" for HdrOther.
func (id HeaderID) String() string { return headerNames[id] }

// HeaderIDOf returns the identity of a header name in any case or compact form.
func HeaderIDOf(name []byte) HeaderID {
	if len(name) < 2 {
		if len(name) == 1 && name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z' {
			return compactForms[name[0]|0x20-'a']
		}
		return HdrOther
	}
	for i := slot(name); ; i = (i + 1) % numSlots {
		id := headerSlots[i]
		if id == HdrOther || string(name) == headerNames[id] || EqualFold(name, headerNames[id]) {
			return id
		}
	}
}

// single tells which header fields may stand only once in a message (RFC 3261 7.3.1; smuggling through duplicates).
var single = [NumHeaders]bool{
	HdrFrom: true, HdrTo: true, HdrCallID: true, HdrCSeq: true, HdrMaxForwards: true, HdrMaxBreadth: true, HdrContentLength: true,
	HdrContentType: true, HdrReferTo: true, HdrReplaces: true, HdrRSeq: true, HdrRAck: true,
	HdrSessionExpires: true, HdrMinSE: true, HdrEvent: true,
}
