package sh

// The Sh-Data document of TS 29.328 annex C and D as Go types. The tag of a field is its element name, other names seen
// for it, and how deep in nested Extension elements it stands; the order of the fields is the order of the schema.
// A pointer tells an empty element from an absent one: in a notification an empty element means "removed".

// Data is a Sh-Data document.
type Data struct {
	PublicIdentifiers *Identities      `sh:"PublicIdentifiers"`
	Repository        []RepositoryData `sh:"RepositoryData"`
	IMS               *IMSData         `sh:"Sh-IMS-Data"`
	CSLocation        *CSLocation      `sh:"CSLocationInformation"`
	PSLocation        *PSLocation      `sh:"PSLocationInformation"`
	CSUserState       *CSUserState     `sh:"CSUserState"`
	PSUserState       *PacketUserState `sh:"PSUserState"`
	Registered        *Identities      `sh:"RegisteredIdentities,1"`
	Implicit          *Identities      `sh:"ImplicitIdentities,1"`
	All               *Identities      `sh:"AllIdentities,1"`
	Alias             *Identities      `sh:"AliasIdentities,1"`
	AliasesRepository []RepositoryData `sh:"AliasesRepositoryData,1"`
	Deleted           *Identities      `sh:"DeletedIdentities,2"`
	TADS              *TADSInformation `sh:"TADSinformation,3"`
	EPSUserState      *PacketUserState `sh:"EPSUserState,4"`
	EPSLocation       *EPSLocation     `sh:"EPSLocationInformation,4"`
	IMSI              *string          `sh:"IMSI,5"`
	TWANLocation      *TWANLocation    `sh:"TWANLocationInformation,5"`
	PrivateIdentities []string         `sh:"IMSPrivateUserIdentity,5"`
	IMEISV            *string          `sh:"IMEISV,6"`
	FiveGSLocation    *FiveGSLocation  `sh:"Sh-5GSLocationInformation,7"`
	FiveGSUserState   *PacketUserState `sh:"Sh-5GSUserState,7"`
}

// Identities is a set of public identities with what belongs to it.
type Identities struct {
	Public         []string             `sh:"IMSPublicIdentity"`
	MSISDN         []string             `sh:"MSISDN"`
	IdentityType   *IdentityType        `sh:"IdentityType,1"`
	WildcardedPSI  *string              `sh:"WildcardedPSI,1"`
	WildcardedIMPU *string              `sh:"WildcardedIMPU,2"`
	Extended       []ExtendedMSISDN     `sh:"ExtendedMSISDN,3"`
	Enhanced       []EnhancedIdentifier `sh:"EnhancedIMSPublicIdentifiers,4"`
}

// ExtendedMSISDN is an MSISDN with its type: 0 basic, 1 additional.
type ExtendedMSISDN struct {
	MSISDN string `sh:"MSISDN"`
	Type   int    `sh:"MSISDNType"`
}

// EnhancedIdentifier is a public identity with its type.
type EnhancedIdentifier struct {
	Public       string       `sh:"IMSPublicIdentity"`
	IdentityType IdentityType `sh:"IdentityType"`
}

// RepositoryData is transparent data of one service. Without ServiceData it does not exist, or no longer.
type RepositoryData struct {
	ServiceIndication string `sh:"ServiceIndication"`
	SequenceNumber    uint16 `sh:"SequenceNumber"`
	// ServiceData is what stands inside the element of that name: XML of the service's own.
	ServiceData RawXML `sh:"ServiceData"`
}

// RawXML is the inside of an element, as it came; nil means that the element is absent.
type RawXML []byte

// Octets is a binary value, base64 in the document.
type Octets []byte

// IMSData is the element Sh-IMS-Data.
type IMSData struct {
	SCSCFName       *string              `sh:"SCSCFName|S-CSCFName"`
	IFCs            *IFCs                `sh:"IFCs"`
	UserState       *IMSUserState        `sh:"IMSUserState"`
	Charging        *ChargingInformation `sh:"ChargingInformation"`
	PSIActivation   *PSIActivation       `sh:"PSIActivation,1"`
	DSAI            []DSAI               `sh:"DSAI,2"`
	TraceInfo       []string             `sh:"ServiceLevelTraceInfo,3"`
	IPv4Address     *string              `sh:"IPv4Address,3"`
	IPv6Prefix      *string              `sh:"IPv6Prefix,3"`
	IPv6InterfaceID *string              `sh:"IPv6InterfaceIdentifier,3"`
	PriorityLevel   *int                 `sh:"ServicePriorityLevel,3"`
	UEReachability  *UEReachability      `sh:"UEReachabilityForIP,3"`
	SMSRegistration *SMSRegistration     `sh:"SMSRegistrationInfo,3"`
	STNSR           *string              `sh:"STN-SR,4"`
	UESRVCC         *SRVCCCapability     `sh:"UE-SRVCC-Capability,4"`
	Priorities      []ExtendedPriority   `sh:"ExtendedPriority,4"`
	CSRN            *string              `sh:"CSRN,4"`
	ReferenceLoc    []ReferenceLocation  `sh:"ReferenceLocationInformation,5"`
	MTRRIndication  *string              `sh:"MTRRIndication,6"`
	UE5GSRVCC       *SRVCCCapability     `sh:"UE-5G-SRVCC-Capability,7"`
}

// IFCs are the initial filter criteria that name the asking application server.
type IFCs struct {
	Criteria []InitialFilterCriteria `sh:"InitialFilterCriteria"`
}

// ChargingInformation names the charging functions, as aaa URIs.
type ChargingInformation struct {
	PrimaryEvent        *string `sh:"PrimaryEventChargingFunctionName"`
	SecondaryEvent      *string `sh:"SecondaryEventChargingFunctionName"`
	PrimaryCollection   *string `sh:"PrimaryChargingCollectionFunctionName"`
	SecondaryCollection *string `sh:"SecondaryChargingCollectionFunctionName"`
}

// DSAI tells whether the criteria bound to a tag are active.
type DSAI struct {
	Tag   string    `sh:"DSAI-Tag"`
	Value DSAIValue `sh:"DSAI-Value"`
}

// UEReachability tells who says that the user can be reached; an element that is there means reachable.
type UEReachability struct {
	MME        *int `sh:"UEIPReachabilityMME"`
	SGSN       *int `sh:"UEIPReachabilitySGSN,1"`
	AMF3GPP    *int `sh:"UEIPReachabilityAMF3GPP,2"`
	AMFNon3GPP *int `sh:"UEIPReachabilityAMFnon3GPP,2"`
}

// SMSRegistration is the registration of an IP-SM-GW.
type SMSRegistration struct {
	Gateway   string  `sh:"IP-SM-GW-Number"`
	SCAddress *string `sh:"SCAddress,1"`
}

// ExtendedPriority is a priority of a namespace of RFC 8101.
type ExtendedPriority struct {
	Namespace string `sh:"PriorityNamespace"`
	Level     string `sh:"PriorityLevel"`
}

// ReferenceLocation is where a fixed access is.
type ReferenceLocation struct {
	AccessType  *string `sh:"AccessType"`
	AccessInfo  *string `sh:"AccessInfo"`
	AccessValue *string `sh:"AccessValue"`
}

// TADSInformation helps to choose the domain of a terminating call.
type TADSInformation struct {
	VoiceSupport   int     `sh:"IMSVoiceOverPSSessionSupport"`
	RATType        int     `sh:"RATtype"`
	LastUEActivity *string `sh:"LastUEActivityTime,1"`
	AccessType     *int    `sh:"AccessType,2"`
}

// InitialFilterCriteria is one criterion of a service profile.
type InitialFilterCriteria struct {
	Priority          int               `sh:"Priority"`
	TriggerPoint      *TriggerPoint     `sh:"TriggerPoint"`
	ApplicationServer ApplicationServer `sh:"ApplicationServer"`
	ProfilePart       *ProfilePart      `sh:"ProfilePartIndicator"`
}

// TriggerPoint is a boolean expression over service point triggers.
type TriggerPoint struct {
	CNF bool  `sh:"ConditionTypeCNF"`
	SPT []SPT `sh:"SPT"`
}

// SPT is one service point trigger.
type SPT struct {
	Negated          *bool              `sh:"ConditionNegated"`
	Group            []int              `sh:"Group"`
	RequestURI       *string            `sh:"RequestURI"`
	Method           *string            `sh:"Method"`
	Header           *HeaderTrigger     `sh:"SIPHeader"`
	SessionCase      *SessionCase       `sh:"SessionCase"`
	SessionDesc      *SDPTrigger        `sh:"SessionDescription"`
	RegistrationType []RegistrationType `sh:"RegistrationType,1"`
}

// HeaderTrigger is a trigger on a SIP header.
type HeaderTrigger struct {
	Header  string  `sh:"Header"`
	Content *string `sh:"Content"`
}

// SDPTrigger is a trigger on a line of the session description.
type SDPTrigger struct {
	Line    string  `sh:"Line"`
	Content *string `sh:"Content"`
}

// ApplicationServer is what a criterion leads to.
type ApplicationServer struct {
	ServerName      string           `sh:"ServerName"`
	DefaultHandling *DefaultHandling `sh:"DefaultHandling"`
	ServiceInfo     *string          `sh:"ServiceInfo"`
	IncludeRequest  *struct{}        `sh:"IncludeRegisterRequest,1"`
	IncludeResponse *struct{}        `sh:"IncludeRegisterResponse,1"`
}
