package sh

import (
	"strconv"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// Reference is a Data-Reference (TS 29.328 7.6.1, table 7.6.1).
type Reference uint32

// The data references of TS 29.328 table 7.6.1. 20 is reserved.
const (
	RefRepositoryData         Reference = 0
	RefIMSPublicIdentity      Reference = 10
	RefIMSUserState           Reference = 11
	RefSCSCFName              Reference = 12
	RefInitialFilterCriteria  Reference = 13
	RefLocationInformation    Reference = 14
	RefUserState              Reference = 15
	RefChargingInformation    Reference = 16
	RefMSISDN                 Reference = 17
	RefPSIActivation          Reference = 18
	RefDSAI                   Reference = 19
	RefServiceLevelTraceInfo  Reference = 21
	RefIPAddressBinding       Reference = 22
	RefServicePriorityLevel   Reference = 23
	RefSMSRegistrationInfo    Reference = 24
	RefUEReachabilityForIP    Reference = 25
	RefTADSInformation        Reference = 26
	RefSTNSR                  Reference = 27
	RefUESRVCCCapability      Reference = 28
	RefExtendedPriority       Reference = 29
	RefCSRN                   Reference = 30
	RefReferenceLocation      Reference = 31
	RefIMSI                   Reference = 32
	RefIMSPrivateUserIdentity Reference = 33
	RefIMEISV                 Reference = 34
	RefUE5GSRVCCCapability    Reference = 35
)

// Operation is what an application server may do with a reference.
type Operation uint8

// The operations of Sh, as bits of a set.
const (
	Read   Operation = 1 << iota // UDR
	Update                       // PUR
	Notify                       // SNR
)

// String names the command of the operation.
func (o Operation) String() string {
	switch o {
	case Read:
		return "UDR"
	case Update:
		return "PUR"
	case Notify:
		return "SNR"
	}
	return "operations " + strconv.Itoa(int(o))
}

// keyKind is a kind of User-Identity, as bits of a set.
type keyKind uint8

const (
	keyPublic keyKind = 1 << iota
	keyMSISDN
	keyExternal
)

// rule is a line of the table of keys and operations.
type rule struct {
	name string
	keys keyKind
	ops  Operation
	need []uint32 // AVPs that the reference asks for besides the identity; any operation
}

const (
	anyKey  = keyPublic | keyMSISDN | keyExternal
	mainKey = keyPublic | keyMSISDN
)

// references is TS 29.328 table 7.6.1 with the conditions of clauses 6.1 and 7.
var references = map[Reference]rule{
	RefRepositoryData:         {"RepositoryData", keyPublic, Read | Update | Notify, []uint32{dict.ServiceIndication}},
	RefIMSPublicIdentity:      {"IMSPublicIdentity", anyKey, Read | Notify, nil},
	RefIMSUserState:           {"IMSUserState", keyPublic, Read | Notify, nil},
	RefSCSCFName:              {"S-CSCFName", keyPublic, Read | Notify, nil},
	RefInitialFilterCriteria:  {"InitialFilterCriteria", keyPublic, Read | Notify, []uint32{dict.ServerName}},
	RefLocationInformation:    {"LocationInformation", anyKey, Read, nil},
	RefUserState:              {"UserState", anyKey, Read, []uint32{dict.RequestedDomain}},
	RefChargingInformation:    {"ChargingInformation", anyKey, Read | Notify, nil},
	RefMSISDN:                 {"MSISDN", anyKey, Read, nil},
	RefPSIActivation:          {"PSIActivation", keyPublic, Read | Update | Notify, nil},
	RefDSAI:                   {"DSAI", keyPublic, Read | Update | Notify, []uint32{dict.DSAITag, dict.ServerName}},
	RefServiceLevelTraceInfo:  {"ServiceLevelTraceInfo", anyKey, Read | Notify, nil},
	RefIPAddressBinding:       {"IPAddressSecureBindingInformation", keyPublic, Read | Notify, nil},
	RefServicePriorityLevel:   {"ServicePriorityLevel", keyPublic, Read | Notify, nil},
	RefSMSRegistrationInfo:    {"SMSRegistrationInfo", anyKey, Read | Update, nil},
	RefUEReachabilityForIP:    {"UEReachabilityForIP", anyKey, Notify, []uint32{dict.OneTimeNotification}},
	RefTADSInformation:        {"TADSinformation", mainKey, Read, nil},
	RefSTNSR:                  {"STN-SR", mainKey, Read | Update, []uint32{dict.UserName}},
	RefUESRVCCCapability:      {"UE-SRVCC-Capability", mainKey, Read | Notify, []uint32{dict.UserName}},
	RefExtendedPriority:       {"ExtendedPriority", keyPublic, Read | Notify, nil},
	RefCSRN:                   {"CSRN", mainKey, Read, nil},
	RefReferenceLocation:      {"ReferenceLocationInformation", keyPublic, Read, nil},
	RefIMSI:                   {"IMSI", anyKey, Read, nil},
	RefIMSPrivateUserIdentity: {"IMSPrivateUserIdentity", keyPublic, Read | Notify, nil},
	RefIMEISV:                 {"IMEISV", anyKey, Read, nil},
	RefUE5GSRVCCCapability:    {"UE-5G-SRVCC-Capability", mainKey, Read | Notify, nil},
}

// References returns every reference of the table, in no order.
func References() []Reference {
	out := make([]Reference, 0, len(references))
	for r := range references {
		out = append(out, r)
	}
	return out
}

// String returns the standard's name.
func (r Reference) String() string {
	if x, ok := references[r]; ok {
		return x.name
	}
	return "Data-Reference " + strconv.FormatUint(uint64(r), 10)
}

// ParseReference returns the reference with this name or number.
func ParseReference(s string) (Reference, bool) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		_, ok := references[Reference(n)]
		return Reference(n), ok
	}
	for r, x := range references {
		if x.name == s {
			return r, true
		}
	}
	return 0, false
}

// Allows tells whether the table lets an application server do this with the reference.
func (r Reference) Allows(op Operation) bool { return references[r].ops&op != 0 }

// query is what the table judges, the same for UDR, PUR and SNR.
type query struct {
	op       Operation
	identity Identity
	refs     []Reference
	has      func(code uint32) bool
}

// check judges a request by the table, as the HSS must (TS 29.328 6.1). The result is nil or an error of this package
// that says what the HSS answers.
func (q query) check() error {
	kind, err := q.identity.kind()
	if err != nil {
		return err
	}
	if len(q.refs) == 0 {
		return &Error{Code: uint32(diameter.MissingAVP), Missing: dict.DataReference}
	}
	for _, r := range q.refs {
		x, ok := references[r]
		switch {
		case !ok:
			return &Error{Code: uint32(diameter.InvalidAVPValue), Missing: dict.DataReference, Message: r.String()}
		case x.ops&q.op == 0 || x.keys&kind == 0:
			return &Error{Experimental: true, Code: OperationNotAllowed, Message: q.op.String() + " of " + x.name}
		}
		for _, code := range x.need {
			// A repository or a DSAI update names its service or tag in the document.
			inDocument := q.op == Update && (code == dict.ServiceIndication || code == dict.DSAITag || code == dict.ServerName)
			if !inDocument && !q.has(code) {
				return &Error{Code: uint32(diameter.MissingAVP), Missing: code, Message: "for " + x.name}
			}
		}
	}
	return nil
}
