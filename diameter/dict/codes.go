package dict

// Commands of the base protocol (RFC 6733 3.1) and of Sh (TS 29.329 6.1); a request and its answer share one code.
const (
	CapabilitiesExchange   uint32 = 257
	DeviceWatchdog         uint32 = 280
	DisconnectPeer         uint32 = 282
	UserDataCommand        uint32 = 306
	ProfileUpdate          uint32 = 307
	SubscribeNotifications uint32 = 308
	PushNotification       uint32 = 309
)

// AVP codes of the base protocol and of the RFCs beside it; vendor 0.
const (
	UserName                    uint32 = 1
	Class                       uint32 = 25
	SessionTimeout              uint32 = 27
	ProxyState                  uint32 = 33
	AcctSessionID               uint32 = 44
	AcctMultiSessionID          uint32 = 50
	EventTimestamp              uint32 = 55
	AcctInterimInterval         uint32 = 85
	HostIPAddress               uint32 = 257
	AuthApplicationID           uint32 = 258
	AcctApplicationID           uint32 = 259
	VendorSpecificApplicationID uint32 = 260
	RedirectHostUsage           uint32 = 261
	RedirectMaxCacheTime        uint32 = 262
	SessionID                   uint32 = 263
	OriginHost                  uint32 = 264
	SupportedVendorID           uint32 = 265
	VendorID                    uint32 = 266
	FirmwareRevision            uint32 = 267
	ResultCode                  uint32 = 268
	ProductName                 uint32 = 269
	SessionBinding              uint32 = 270
	SessionServerFailover       uint32 = 271
	MultiRoundTimeOut           uint32 = 272
	DisconnectCause             uint32 = 273
	AuthRequestType             uint32 = 274
	AuthGracePeriod             uint32 = 276
	AuthSessionState            uint32 = 277
	OriginStateID               uint32 = 278
	FailedAVP                   uint32 = 279
	ProxyHost                   uint32 = 280
	ErrorMessage                uint32 = 281
	RouteRecord                 uint32 = 282
	DestinationRealm            uint32 = 283
	ProxyInfo                   uint32 = 284
	ReAuthRequestType           uint32 = 285
	AccountingSubSessionID      uint32 = 287
	AuthorizationLifetime       uint32 = 291
	RedirectHost                uint32 = 292
	DestinationHost             uint32 = 293
	ErrorReportingHost          uint32 = 294
	TerminationCause            uint32 = 295
	OriginRealm                 uint32 = 296
	ExperimentalResult          uint32 = 297
	ExperimentalResultCode      uint32 = 298
	InbandSecurityID            uint32 = 299
	E2ESequence                 uint32 = 300
	DRMP                        uint32 = 301
	AccountingRecordType        uint32 = 480
	AccountingRealtimeRequired  uint32 = 483
	AccountingRecordNumber      uint32 = 485
	OCSupportedFeatures         uint32 = 621
	OCFeatureVector             uint32 = 622
	OCOLR                       uint32 = 623
	OCSequenceNumber            uint32 = 624
	OCValidityDuration          uint32 = 625
	OCReportType                uint32 = 626
	OCReductionPercentage       uint32 = 627
	SourceID                    uint32 = 649
	Load                        uint32 = 650
	LoadType                    uint32 = 651
	LoadValue                   uint32 = 652
)

// AVP codes of Sh; vendor 10415.
const (
	PublicIdentity           uint32 = 601
	ServerName               uint32 = 602
	SupportedFeatures        uint32 = 628
	FeatureListID            uint32 = 629
	FeatureList              uint32 = 630
	SupportedApplications    uint32 = 631
	WildcardedPublicIdentity uint32 = 634
	WildcardedIMPU           uint32 = 636
	SessionPriority          uint32 = 650
	UserIdentity             uint32 = 700
	MSISDN                   uint32 = 701
	UserData                 uint32 = 702
	DataReference            uint32 = 703
	ServiceIndication        uint32 = 704
	SubsReqType              uint32 = 705
	RequestedDomain          uint32 = 706
	CurrentLocation          uint32 = 707
	IdentitySet              uint32 = 708
	ExpiryTime               uint32 = 709
	SendDataIndication       uint32 = 710
	DSAITag                  uint32 = 711
	OneTimeNotification      uint32 = 712
	RequestedNodes           uint32 = 713
	ServingNodeIndication    uint32 = 714
	RepositoryDataID         uint32 = 715
	SequenceNumber           uint32 = 716
	PrePagingSupported       uint32 = 717
	LocalTimeZoneIndication  uint32 = 718
	UDRFlags                 uint32 = 719
	CallReferenceInfo        uint32 = 720
	CallReferenceNumber      uint32 = 721
	ASNumber                 uint32 = 722
	ExternalIdentifier       uint32 = 3111
)
