package sdp

import "bytes"

// attribute is an attribute that some policy has its own word about, or that we read.
type attribute uint8

const (
	attrOther attribute = iota
	attrRTCP
	attrSendRecv
	attrSendOnly
	attrRecvOnly
	attrInactive
	attrRTPMap
	attrFmtp
	attrRTCPFb
	attrPtime
	attrMaxptime
	attrRTCPMux
	attrMID
	attrCurr
	attrDes
	attrConf
	attrAlt
	attrCandidate
	attrRemoteCandidates
	attrEndOfCandidates
	attrICEUfrag
	attrICEPwd
	attrICEOptions
	attrICELite
	attrICEMismatch
	attrICEPacing
	attrSSRC
	attrSSRCGroup
	attrCNAME
	attrMSID
	attrMSIDSemantic
	attrIdentity
	attrFingerprint
	attrSetup
	attrConnection
	attrTLSID
	attrDTLSID
	attrGroup
	attrBundleOnly
	attrExtmap
	attrExtmapAllowMixed
	attrRTCPXR
	attrPath
	attrMSRPCema
	attrTool
	attrCat
	attrKeywds
	attrPhone
	attrEmail
	attrSourceFilter
	attrT38 // all those of T.38 (ITU-T T.38 Annex D)
	numAttributes
)

// attributeNames are the names by number.
var attributeNames = [numAttributes]string{
	attrRTCP:             "rtcp",
	attrSendRecv:         "sendrecv",
	attrSendOnly:         "sendonly",
	attrRecvOnly:         "recvonly",
	attrInactive:         "inactive",
	attrRTPMap:           "rtpmap",
	attrFmtp:             "fmtp",
	attrRTCPFb:           "rtcp-fb",
	attrPtime:            "ptime",
	attrMaxptime:         "maxptime",
	attrRTCPMux:          "rtcp-mux",
	attrMID:              "mid",
	attrCurr:             "curr",
	attrDes:              "des",
	attrConf:             "conf",
	attrAlt:              "alt",
	attrCandidate:        "candidate",
	attrRemoteCandidates: "remote-candidates",
	attrEndOfCandidates:  "end-of-candidates",
	attrICEUfrag:         "ice-ufrag",
	attrICEPwd:           "ice-pwd",
	attrICEOptions:       "ice-options",
	attrICELite:          "ice-lite",
	attrICEMismatch:      "ice-mismatch",
	attrICEPacing:        "ice-pacing",
	attrSSRC:             "ssrc",
	attrSSRCGroup:        "ssrc-group",
	attrCNAME:            "cname",
	attrMSID:             "msid",
	attrMSIDSemantic:     "msid-semantic",
	attrIdentity:         "identity",
	attrFingerprint:      "fingerprint",
	attrSetup:            "setup",
	attrConnection:       "connection",
	attrTLSID:            "tls-id",
	attrDTLSID:           "dtls-id",
	attrGroup:            "group",
	attrBundleOnly:       "bundle-only",
	attrExtmap:           "extmap",
	attrExtmapAllowMixed: "extmap-allow-mixed",
	attrRTCPXR:           "rtcp-xr",
	attrPath:             "path",
	attrMSRPCema:         "msrp-cema",
	attrTool:             "tool",
	attrCat:              "cat",
	attrKeywds:           "keywds",
	attrPhone:            "phone",
	attrEmail:            "email",
	attrSourceFilter:     "source-filter",
}

// attributesByLength has the numbers by the length of the name: few names share length and first letter.
var attributesByLength = func() (t [20][]attribute) {
	for a, name := range attributeNames {
		if name != "" {
			t[len(name)] = append(t[len(name)], attribute(a))
		}
	}
	return t
}()

// attributeOf finds an attribute by its name.
func attributeOf(name []byte) attribute {
	if len(name) < len(attributesByLength) {
		for _, a := range attributesByLength[len(name)] {
			if n := attributeNames[a]; n[0] == name[0] && n == string(name) {
				return a
			}
		}
	}
	if bytes.HasPrefix(name, t38) {
		return attrT38
	}
	return attrOther
}

// direction returns the direction that an attribute says.
func (a attribute) direction() (Direction, bool) {
	switch a {
	case attrSendRecv:
		return SendRecv, true
	case attrSendOnly:
		return SendOnly, true
	case attrRecvOnly:
		return RecvOnly, true
	case attrInactive:
		return Inactive, true
	}
	return 0, false
}
