package diameter

import "strconv"

// ResultCode is the value of a Result-Code AVP (RFC 6733 7.1).
type ResultCode uint32

// Result codes of RFC 6733 7.1; the ones of applications stand in their packages.
const (
	Success                ResultCode = 2001
	CommandUnsupported     ResultCode = 3001
	UnableToDeliver        ResultCode = 3002
	RealmNotServed         ResultCode = 3003
	TooBusy                ResultCode = 3004
	LoopDetected           ResultCode = 3005
	RedirectIndication     ResultCode = 3006
	ApplicationUnsupported ResultCode = 3007
	InvalidHeaderBits      ResultCode = 3008
	InvalidAVPBits         ResultCode = 3009
	UnknownPeer            ResultCode = 3010
	AVPUnsupported         ResultCode = 5001
	UnknownSessionID       ResultCode = 5002
	AuthorizationRejected  ResultCode = 5003
	InvalidAVPValue        ResultCode = 5004
	MissingAVP             ResultCode = 5005
	ContradictingAVPs      ResultCode = 5007
	AVPNotAllowed          ResultCode = 5008
	AVPOccursTooManyTimes  ResultCode = 5009
	NoCommonApplication    ResultCode = 5010
	UnsupportedVersion     ResultCode = 5011
	UnableToComply         ResultCode = 5012
	InvalidAVPLength       ResultCode = 5014
	InvalidMessageLength   ResultCode = 5015
	NoCommonSecurity       ResultCode = 5017
)

var resultNames = map[ResultCode]string{
	Success:                "DIAMETER_SUCCESS",
	CommandUnsupported:     "DIAMETER_COMMAND_UNSUPPORTED",
	UnableToDeliver:        "DIAMETER_UNABLE_TO_DELIVER",
	RealmNotServed:         "DIAMETER_REALM_NOT_SERVED",
	TooBusy:                "DIAMETER_TOO_BUSY",
	LoopDetected:           "DIAMETER_LOOP_DETECTED",
	RedirectIndication:     "DIAMETER_REDIRECT_INDICATION",
	ApplicationUnsupported: "DIAMETER_APPLICATION_UNSUPPORTED",
	InvalidHeaderBits:      "DIAMETER_INVALID_HDR_BITS",
	InvalidAVPBits:         "DIAMETER_INVALID_AVP_BITS",
	UnknownPeer:            "DIAMETER_UNKNOWN_PEER",
	AVPUnsupported:         "DIAMETER_AVP_UNSUPPORTED",
	UnknownSessionID:       "DIAMETER_UNKNOWN_SESSION_ID",
	AuthorizationRejected:  "DIAMETER_AUTHORIZATION_REJECTED",
	InvalidAVPValue:        "DIAMETER_INVALID_AVP_VALUE",
	MissingAVP:             "DIAMETER_MISSING_AVP",
	ContradictingAVPs:      "DIAMETER_CONTRADICTING_AVPS",
	AVPNotAllowed:          "DIAMETER_AVP_NOT_ALLOWED",
	AVPOccursTooManyTimes:  "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES",
	NoCommonApplication:    "DIAMETER_NO_COMMON_APPLICATION",
	UnsupportedVersion:     "DIAMETER_UNSUPPORTED_VERSION",
	UnableToComply:         "DIAMETER_UNABLE_TO_COMPLY",
	InvalidAVPLength:       "DIAMETER_INVALID_AVP_LENGTH",
	InvalidMessageLength:   "DIAMETER_INVALID_MESSAGE_LENGTH",
	NoCommonSecurity:       "DIAMETER_NO_COMMON_SECURITY",
}

// Name returns the standard's name of the code, or its digits.
func (c ResultCode) Name() string {
	if n, ok := resultNames[c]; ok {
		return n
	}
	return strconv.FormatUint(uint64(c), 10)
}

// String returns the number and the name.
func (c ResultCode) String() string {
	return strconv.FormatUint(uint64(c), 10) + " " + c.Name()
}

// protocolError tells whether an answer with this code carries the E bit (RFC 6733 7.1.3).
func (c ResultCode) protocolError() bool { return c >= 3000 && c < 4000 }

// class returns "2xxx" and so on, for a metric's label.
func (c ResultCode) class() string {
	switch c / 1000 {
	case 1:
		return "1xxx"
	case 2:
		return "2xxx"
	case 3:
		return "3xxx"
	case 4:
		return "4xxx"
	case 5:
		return "5xxx"
	}
	return "other"
}

// DisconnectCause is why a peer takes leave (RFC 6733 5.4.3).
type DisconnectCause uint32

// Causes of RFC 6733 5.4.3.
const (
	Rebooting              DisconnectCause = 0
	Busy                   DisconnectCause = 1
	DoNotWantToTalkToYou   DisconnectCause = 2
	disconnectCauseUnknown DisconnectCause = 0xffffffff
)

// String returns the standard's name of the cause.
func (c DisconnectCause) String() string {
	switch c {
	case Rebooting:
		return "REBOOTING"
	case Busy:
		return "BUSY"
	case DoNotWantToTalkToYou:
		return "DO_NOT_WANT_TO_TALK_TO_YOU"
	}
	return "unknown cause"
}
