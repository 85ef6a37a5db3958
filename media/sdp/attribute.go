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

// attributeOf finds an attribute by its name.
func attributeOf(name []byte) attribute {
	switch string(name) {
	case "rtcp":
		return attrRTCP
	case "sendrecv":
		return attrSendRecv
	case "sendonly":
		return attrSendOnly
	case "recvonly":
		return attrRecvOnly
	case "inactive":
		return attrInactive
	case "rtpmap":
		return attrRTPMap
	case "fmtp":
		return attrFmtp
	case "rtcp-fb":
		return attrRTCPFb
	case "ptime":
		return attrPtime
	case "maxptime":
		return attrMaxptime
	case "rtcp-mux":
		return attrRTCPMux
	case "mid":
		return attrMID
	case "curr":
		return attrCurr
	case "des":
		return attrDes
	case "conf":
		return attrConf
	case "alt":
		return attrAlt
	case "candidate":
		return attrCandidate
	case "remote-candidates":
		return attrRemoteCandidates
	case "end-of-candidates":
		return attrEndOfCandidates
	case "ice-ufrag":
		return attrICEUfrag
	case "ice-pwd":
		return attrICEPwd
	case "ice-options":
		return attrICEOptions
	case "ice-lite":
		return attrICELite
	case "ice-mismatch":
		return attrICEMismatch
	case "ice-pacing":
		return attrICEPacing
	case "ssrc":
		return attrSSRC
	case "ssrc-group":
		return attrSSRCGroup
	case "cname":
		return attrCNAME
	case "msid":
		return attrMSID
	case "msid-semantic":
		return attrMSIDSemantic
	case "identity":
		return attrIdentity
	case "fingerprint":
		return attrFingerprint
	case "setup":
		return attrSetup
	case "connection":
		return attrConnection
	case "tls-id":
		return attrTLSID
	case "dtls-id":
		return attrDTLSID
	case "group":
		return attrGroup
	case "bundle-only":
		return attrBundleOnly
	case "extmap":
		return attrExtmap
	case "extmap-allow-mixed":
		return attrExtmapAllowMixed
	case "rtcp-xr":
		return attrRTCPXR
	case "path":
		return attrPath
	case "msrp-cema":
		return attrMSRPCema
	case "tool":
		return attrTool
	case "cat":
		return attrCat
	case "keywds":
		return attrKeywds
	case "phone":
		return attrPhone
	case "email":
		return attrEmail
	case "source-filter":
		return attrSourceFilter
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
