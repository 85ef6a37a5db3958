package sh

// CSLocation is the location in the circuit-switched domain.
type CSLocation struct {
	LocationNumber   *Octets      `sh:"LocationNumber"`
	CellGlobalID     *Octets      `sh:"CellGlobalId"`
	ServiceAreaID    *Octets      `sh:"ServiceAreaId"`
	LocationAreaID   *Octets      `sh:"LocationAreaId"`
	Geographical     *Octets      `sh:"GeographicalInformation"`
	Geodetic         *Octets      `sh:"GeodeticInformation"`
	VLRNumber        *ISDNAddress `sh:"VLRNumber"`
	MSCNumber        *ISDNAddress `sh:"MSCNumber"`
	CurrentRetrieved *bool        `sh:"CurrentLocationRetrieved"`
	Age              *int         `sh:"AgeOfLocationInformation"`
	CSG              *UserCSG     `sh:"UserCSGInformation,1"`
	EUTRANCellID     *Octets      `sh:"E-UTRANCellGlobalId,2"`
	TrackingAreaID   *Octets      `sh:"TrackingAreaId,2"`
	LocalTimeZone    *TimeZone    `sh:"LocalTimeZone,3"`
}

// PSLocation is the location in the packet-switched domain.
type PSLocation struct {
	CellGlobalID     *Octets      `sh:"CellGlobalId"`
	ServiceAreaID    *Octets      `sh:"ServiceAreaId"`
	LocationAreaID   *Octets      `sh:"LocationAreaId"`
	RoutingAreaID    *Octets      `sh:"RoutingAreaId"`
	Geographical     *Octets      `sh:"GeographicalInformation"`
	Geodetic         *Octets      `sh:"GeodeticInformation"`
	SGSNNumber       *ISDNAddress `sh:"SGSNNumber"`
	CurrentRetrieved *bool        `sh:"CurrentLocationRetrieved"`
	Age              *int         `sh:"AgeOfLocationInformation"`
	CSG              *UserCSG     `sh:"UserCSGInformation,1"`
	VisitedPLMN      *Octets      `sh:"VisitedPLMNID,2"`
	LocalTimeZone    *TimeZone    `sh:"LocalTimeZone,2"`
	RATType          *int         `sh:"RATtype,2"`
}

// EPSLocation is the location in the evolved packet system.
type EPSLocation struct {
	EUTRANCellID     *Octets   `sh:"E-UTRANCellGlobalId"`
	TrackingAreaID   *Octets   `sh:"TrackingAreaId"`
	Geographical     *Octets   `sh:"GeographicalInformation"`
	Geodetic         *Octets   `sh:"GeodeticInformation"`
	MMEName          *string   `sh:"MMEName"`
	CurrentRetrieved *bool     `sh:"CurrentLocationRetrieved"`
	Age              *int      `sh:"AgeOfLocationInformation"`
	CSG              *UserCSG  `sh:"UserCSGInformation"`
	VisitedPLMN      *Octets   `sh:"VisitedPLMNID,1"`
	LocalTimeZone    *TimeZone `sh:"LocalTimeZone,1"`
	RATType          *int      `sh:"RATtype,2"`
}

// FiveGSLocation is the location in the 5G system.
type FiveGSLocation struct {
	NRCellID         *Octets   `sh:"NRCellGlobalId"`
	EUTRANCellID     *Octets   `sh:"E-UTRANCellGlobalId"`
	TrackingAreaID   *Octets   `sh:"TrackingAreaId"`
	Geographical     *Octets   `sh:"GeographicalInformation"`
	AMFAddress       *string   `sh:"AMFAddress"`
	SMSFAddress      *string   `sh:"SMSFAddress"`
	CurrentRetrieved *bool     `sh:"CurrentLocationRetrieved"`
	Age              *int      `sh:"AgeOfLocationInformation"`
	VisitedPLMN      *Octets   `sh:"VisitedPLMNID"`
	LocalTimeZone    *TimeZone `sh:"LocalTimeZone"`
	RATType          *int      `sh:"RATtype"`
}

// TWANLocation is the location behind a trusted WLAN.
type TWANLocation struct {
	SSID            *string   `sh:"TWAN-SSID"`
	BSSID           *string   `sh:"TWAN-BSSID"`
	PLMN            *Octets   `sh:"TWAN-PLMNID"`
	CivicAddress    []Octets  `sh:"CivicAddress"`
	Operator        *string   `sh:"TWANOperatorName"`
	LocalTimeZone   *TimeZone `sh:"LocalTimeZone"`
	LogicalAccessID *string   `sh:"LogicalAccessID"`
}

// ISDNAddress is a number of a core network node.
type ISDNAddress struct {
	Address Octets `sh:"Address"`
}

// TimeZone is a local time zone; DaylightSaving is hours, 0 to 2.
type TimeZone struct {
	Zone           string `sh:"TimeZone"`
	DaylightSaving int    `sh:"DaylightSavingTime"`
}

// UserCSG is the closed subscriber group of a cell.
type UserCSG struct {
	ID         []Octets `sh:"CSGId"`
	AccessMode *int     `sh:"AccessMode,1"`
	CMI        *int     `sh:"CMI,1"`
}
