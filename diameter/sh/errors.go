package sh

import (
	"fmt"
	"strconv"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// Experimental result codes of TS 29.329 6.2, with the ones it takes from TS 29.229 6.2.
const (
	UserDataNotAvailable     uint32 = 4100
	PriorUpdateInProgress    uint32 = 4101
	UserUnknown              uint32 = 5001
	IdentitiesDontMatch      uint32 = 5002
	TooMuchData              uint32 = 5008
	FeatureUnsupported       uint32 = 5011
	UserDataNotRecognized    uint32 = 5100
	OperationNotAllowed      uint32 = 5101
	UserDataCannotBeRead     uint32 = 5102
	UserDataCannotBeModified uint32 = 5103
	UserDataCannotBeNotified uint32 = 5104
	TransparentDataOutOfSync uint32 = 5105
	SubsDataAbsent           uint32 = 5106
	NoSubscriptionToData     uint32 = 5107
	DSAINotAvailable         uint32 = 5108
	userUnknownCreditControl uint32 = 5030 // Result-Code of RFC 8506; seen from FHoSS for an unknown identity
	firstShTransient         uint32 = 4100
	lastShTransient          uint32 = 4120
	firstShPermanent         uint32 = 5100
	lastShPermanent          uint32 = 5119
)

// Action is what an application server does about an error.
type Action uint8

// Actions, from the table in docs/sh.md.
const (
	ActionLog          Action = iota // note it; nothing else helps
	ActionOtherPeer                  // another peer or relay, with a back-off
	ActionConfigure                  // a person must change the configuration here or at the HSS; no retry
	ActionUseCached                  // go on with cached or default data, ask again later
	ActionRetry                      // the same again, after a short random time
	ActionNotOurs                    // no such user; remember that for a short while
	ActionBackOff                    // the HSS fails; leave it alone for a while
	ActionBug                        // our request was wrong; Failed says where
	ActionShrink                     // less data
	ActionDropFeatures               // the same without Supported-Features
	ActionPoll                       // no notifications: read from time to time
	ActionReread                     // read, merge, write again
	ActionCreate                     // create the data first
)

// String describes the action.
func (a Action) String() string {
	return [...]string{
		"log", "ask another peer", "fix the configuration", "use cached data", "retry", "treat as unknown user", "back off",
		"report a bug", "send less data", "resend without features", "poll", "read again and merge", "create the data first",
	}[a]
}

// errorRow is a line of the table of results.
type errorRow struct {
	name   string
	action Action
}

// experimentalErrors are the codes in Experimental-Result.
var experimentalErrors = map[uint32]errorRow{
	UserDataNotAvailable:     {"DIAMETER_USER_DATA_NOT_AVAILABLE", ActionUseCached},
	PriorUpdateInProgress:    {"DIAMETER_PRIOR_UPDATE_IN_PROGRESS", ActionRetry},
	UserUnknown:              {"DIAMETER_ERROR_USER_UNKNOWN", ActionNotOurs},
	IdentitiesDontMatch:      {"DIAMETER_ERROR_IDENTITIES_DONT_MATCH", ActionLog},
	TooMuchData:              {"DIAMETER_ERROR_TOO_MUCH_DATA", ActionShrink},
	FeatureUnsupported:       {"DIAMETER_ERROR_FEATURE_UNSUPPORTED", ActionDropFeatures},
	UserDataNotRecognized:    {"DIAMETER_ERROR_USER_DATA_NOT_RECOGNIZED", ActionBug},
	OperationNotAllowed:      {"DIAMETER_ERROR_OPERATION_NOT_ALLOWED", ActionBug},
	UserDataCannotBeRead:     {"DIAMETER_ERROR_USER_DATA_CANNOT_BE_READ", ActionConfigure},
	UserDataCannotBeModified: {"DIAMETER_ERROR_USER_DATA_CANNOT_BE_MODIFIED", ActionConfigure},
	UserDataCannotBeNotified: {"DIAMETER_ERROR_USER_DATA_CANNOT_BE_NOTIFIED", ActionPoll},
	TransparentDataOutOfSync: {"DIAMETER_ERROR_TRANSPARENT_DATA_OUT_OF_SYNC", ActionReread},
	SubsDataAbsent:           {"DIAMETER_ERROR_SUBS_DATA_ABSENT", ActionCreate},
	NoSubscriptionToData:     {"DIAMETER_ERROR_NO_SUBSCRIPTION_TO_DATA", ActionLog},
	DSAINotAvailable:         {"DIAMETER_ERROR_DSAI_NOT_AVAILABLE", ActionConfigure},
}

// baseActions are the codes in Result-Code that are not errors of ours by default.
var baseActions = map[uint32]Action{
	uint32(diameter.CommandUnsupported):     ActionConfigure,
	uint32(diameter.UnableToDeliver):        ActionOtherPeer,
	uint32(diameter.RealmNotServed):         ActionOtherPeer,
	uint32(diameter.TooBusy):                ActionOtherPeer,
	uint32(diameter.LoopDetected):           ActionConfigure,
	uint32(diameter.RedirectIndication):     ActionConfigure,
	uint32(diameter.ApplicationUnsupported): ActionConfigure,
	uint32(diameter.InvalidHeaderBits):      ActionBug,
	uint32(diameter.InvalidAVPBits):         ActionBug,
	uint32(diameter.UnknownPeer):            ActionConfigure,
	uint32(diameter.AVPUnsupported):         ActionBug,
	uint32(diameter.AuthorizationRejected):  ActionBackOff,
	uint32(diameter.InvalidAVPValue):        ActionBug,
	uint32(diameter.MissingAVP):             ActionBug,
	uint32(diameter.ContradictingAVPs):      ActionBug,
	uint32(diameter.AVPNotAllowed):          ActionBug,
	uint32(diameter.AVPOccursTooManyTimes):  ActionBug,
	uint32(diameter.NoCommonApplication):    ActionConfigure,
	uint32(diameter.UnsupportedVersion):     ActionBug,
	uint32(diameter.UnableToComply):         ActionBackOff,
	uint32(diameter.InvalidAVPLength):       ActionBug,
	uint32(diameter.InvalidMessageLength):   ActionBug,
	userUnknownCreditControl:                ActionNotOurs,
}

// Error is a result other than success. Place and number belong together: 5001 in Result-Code is AVP_UNSUPPORTED, in
// Experimental-Result an unknown user. The codes 4100-4120 and 5100-5119 mean Sh wherever they stand.
type Error struct {
	// Experimental: the code stood in Experimental-Result. Its Vendor-Id is not looked at: zero has been seen.
	Experimental bool
	Code         uint32
	// Host is the Origin-Host of the answer: an agent's for 3xxx.
	Host    string
	Message string
	// Failed is the content of Failed-AVP.
	Failed []byte
	// Missing is the code of the AVP at fault, in an error that we found ourselves.
	Missing uint32
	// FailedReference and FailedRepository tell which part of a PUR failed.
	FailedReference  *Reference
	FailedRepository *RepositoryDataID
}

// Name returns the standard's name of the result.
func (e *Error) Name() string {
	if r, ok := experimentalErrors[e.Code]; ok && e.sh() {
		return r.name
	}
	if e.Code == userUnknownCreditControl {
		return "DIAMETER_USER_UNKNOWN"
	}
	if e.Experimental {
		return "experimental result " + strconv.FormatUint(uint64(e.Code), 10)
	}
	return diameter.ResultCode(e.Code).Name()
}

// Action returns what to do about it. An unknown 4xxx is retried later, an unknown 5xxx is UNABLE_TO_COMPLY (RFC 6733 7.1).
func (e *Error) Action() Action {
	if r, ok := experimentalErrors[e.Code]; ok && e.sh() {
		return r.action
	}
	if a, ok := baseActions[e.Code]; ok && !e.Experimental {
		return a
	}
	switch e.Code / 1000 {
	case 3:
		return ActionConfigure
	case 4:
		return ActionUseCached
	}
	return ActionBackOff
}

// UserUnknown tells whether the HSS does not know the identity, in any of the ways that have been seen.
func (e *Error) UserUnknown() bool {
	return e.Experimental && e.Code == UserUnknown || !e.Experimental && e.Code == userUnknownCreditControl
}

// Is lets errors.Is compare place and number.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.sh() == e.sh()
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("%d %s", e.Code, e.Name())
	if e.Host != "" {
		s += " from " + e.Host
	}
	if e.Missing != 0 {
		s += fmt.Sprintf(" (AVP %d)", e.Missing)
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// sh tells whether the code is read as one of Sh.
func (e *Error) sh() bool { return e.Experimental || shAnywhere(e.Code) }

func shAnywhere(code uint32) bool {
	return code >= firstShTransient && code <= lastShTransient || code >= firstShPermanent && code <= lastShPermanent
}

// resultOf returns the error that an answer carries, or nil.
func resultOf(m *diam.Message) *Error {
	e := &Error{
		Host: diameter.Text(m.AVP, 0, dict.OriginHost), Message: diameter.Text(m.AVP, 0, dict.ErrorMessage),
		Failed: []byte(diameter.Text(m.AVP, 0, dict.FailedAVP)),
	}
	if g := diameter.Group(diameter.Find(m.AVP, 0, dict.ExperimentalResult)); g != nil {
		e.Code, _ = diameter.Number(g, 0, dict.ExperimentalResultCode)
		e.Experimental = true
	} else {
		e.Code, _ = diameter.Number(m.AVP, 0, dict.ResultCode)
	}
	switch {
	case e.Code/1000 == 2:
		return nil
	case e.Code == 0:
		e.Code, e.Message = uint32(diameter.UnableToComply), "answer without a result"
		e.Experimental = false
	}
	return e
}
