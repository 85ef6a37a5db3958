package sh

import "strconv"

// IMSUserState is how a public identity is registered.
type IMSUserState int

// Values of IMSUserState. Changes from and to AuthenticationPending are not notified.
const (
	NotRegistered           IMSUserState = 0
	Registered              IMSUserState = 1
	RegisteredUnregServices IMSUserState = 2
	AuthenticationPending   IMSUserState = 3
)

// String returns the standard's name.
func (v IMSUserState) String() string {
	return named(int(v), "NOT_REGISTERED", "REGISTERED", "REGISTERED_UNREG_SERVICES", "AUTHENTICATION_PENDING")
}

// CSUserState is the state in the circuit-switched domain.
type CSUserState int

// String returns the standard's name.
func (v CSUserState) String() string {
	return named(int(v), "CAMELBusy", "NetworkDeterminedNotReachable", "AssumedIdle", "NotProvidedFromVLR")
}

// PacketUserState is the state in the PS, EPS or 5GS domain.
type PacketUserState int

// String returns the standard's name; 5 and 6 are told for every packet domain in one wording.
func (v PacketUserState) String() string {
	return named(int(v), "Detached", "AttachedNotReachableForPaging", "AttachedReachableForPaging",
		"ConnectedNotReachableForPaging", "ConnectedReachableForPaging", "NotProvided", "NetworkDeterminedNotReachable")
}

// PSIActivation is whether a public service identity is active: 0 is inactive.
type PSIActivation int

// Values of PSIActivation.
const (
	PSIInactive PSIActivation = 0
	PSIActive   PSIActivation = 1
)

// String returns the standard's name.
func (v PSIActivation) String() string { return named(int(v), "INACTIVE", "ACTIVE") }

// DSAIValue is whether criteria are active: 0 is active, the other way round than PSIActivation.
type DSAIValue int

// Values of DSAIValue.
const (
	DSAIActive   DSAIValue = 0
	DSAIInactive DSAIValue = 1
)

// String returns the standard's name.
func (v DSAIValue) String() string { return named(int(v), "ACTIVE", "INACTIVE") }

// IdentityType is the kind of a public identity.
type IdentityType int

// Values of IdentityType.
const (
	PublicUserIdentity IdentityType = 0
	DistinctPSI        IdentityType = 1
	WildcardedPSIType  IdentityType = 2
	WildcardedIMPUType IdentityType = 3
)

// String returns the standard's name.
func (v IdentityType) String() string {
	return named(int(v), "PUBLIC_USER_IDENTITY", "DISTINCT_PSI", "WILDCARDED_PSI", "WILDCARDED_IMPU")
}

// SessionCase is the case of a trigger.
type SessionCase int

// String returns the standard's name.
func (v SessionCase) String() string {
	return named(int(v), "ORIGINATING_SESSION", "TERMINATING_SESSION", "TERMINATING_UNREGISTERED",
		"ORIGINATING_UNREGISTERED", "ORIGINATING_CDIV")
}

// RegistrationType is the kind of registration that a trigger is for.
type RegistrationType int

// String returns the standard's name.
func (v RegistrationType) String() string {
	return named(int(v), "INITIAL_REGISTRATION", "RE-REGISTRATION", "DE-REGISTRATION")
}

// DefaultHandling is what the S-CSCF does when the application server fails.
type DefaultHandling int

// String returns the standard's name.
func (v DefaultHandling) String() string {
	return named(int(v), "SESSION_CONTINUED", "SESSION_TERMINATED")
}

// ProfilePart is the part of the profile that a criterion is for.
type ProfilePart int

// String returns the standard's name.
func (v ProfilePart) String() string { return named(int(v), "REGISTERED", "UNREGISTERED") }

// SRVCCCapability is whether the terminal can hand a call over.
type SRVCCCapability int

// String returns the standard's name.
func (v SRVCCCapability) String() string {
	return named(int(v), "UE-SRVCC-CAPABILITY-NOT-SUPPORTED", "UE-SRVCC-CAPABILITY-SUPPORTED")
}

func named(v int, names ...string) string {
	if v >= 0 && v < len(names) {
		return names[v]
	}
	return strconv.Itoa(v)
}
