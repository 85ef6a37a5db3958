package sh

import (
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// IdentitySet says which public identities reference 10 means.
type IdentitySet uint32

// Values of Identity-Set; absent means all.
const (
	AllIdentities        IdentitySet = 0
	RegisteredIdentities IdentitySet = 1
	ImplicitIdentities   IdentitySet = 2
	AliasIdentities      IdentitySet = 3
)

// Domain is a Requested-Domain; EPS, TWAN and 5GS are under PS.
type Domain uint32

// Values of Requested-Domain.
const (
	CS Domain = 0
	PS Domain = 1
)

// CurrentLocation says whether the network is to be asked now.
type CurrentLocation uint32

// Values of Current-Location.
const (
	StoredLocation CurrentLocation = 0
	ActiveLocation CurrentLocation = 1
)

// TimeZoneIndication is a Local-Time-Zone-Indication.
type TimeZoneIndication uint32

// Values of Local-Time-Zone-Indication.
const (
	OnlyTimeZone     TimeZoneIndication = 0
	TimeZoneAndPlace TimeZoneIndication = 1
)

// Priority is a Session-Priority; 0 is the highest.
type Priority uint32

// Bits of Requested-Nodes.
const (
	NodeMME  uint32 = 1 << 0
	NodeSGSN uint32 = 1 << 1
	NodeAAA  uint32 = 1 << 2
	NodeAMF  uint32 = 1 << 3
)

// Wildcards are the wildcarded identities that a message may name; never both (TS 29.329 6.3.19).
type Wildcards struct {
	PSI  string // Wildcarded-Public-Identity
	IMPU string // Wildcarded-IMPU
}

func (w Wildcards) add(l *list) {
	l.text(dict.WildcardedPublicIdentity, w.PSI)
	l.text(dict.WildcardedIMPU, w.IMPU)
}

func parseWildcards(avps []*diam.AVP) Wildcards {
	return Wildcards{str(avps, dict.WildcardedPublicIdentity), str(avps, dict.WildcardedIMPU)}
}

// UDR is a User-Data-Request: read data (TS 29.329 6.1.1).
type UDR struct {
	// Host is the HSS to ask; empty lets the realm decide.
	Host               string
	Identity           Identity
	Wildcards          Wildcards
	References         []Reference
	ServerName         string
	ServiceIndications []string
	IdentitySets       []IdentitySet
	RequestedDomain    *Domain
	CurrentLocation    *CurrentLocation
	DSAITags           []string
	SessionPriority    *Priority
	// PrivateIdentity is the User-Name, when one of several private identities is meant.
	PrivateIdentity  string
	RequestedNodes   uint32
	OnlyServingNodes bool
	PrePaging        bool
	LocalTimeZone    *TimeZoneIndication
	Flags            uint32
	CallReference    *CallReference
	Features         []Features
}

func (q *UDR) append(m *diam.Message) error {
	l := list(m.AVP)
	l.features(q.Features)
	l.add(q.Identity.avp())
	q.Wildcards.add(&l)
	l.text(dict.ServerName, q.ServerName)
	l.each(dict.ServiceIndication, q.ServiceIndications)
	l.references(q.References)
	for _, s := range q.IdentitySets {
		l.enum(dict.IdentitySet, uint32(s))
	}
	if q.RequestedDomain != nil {
		l.enum(dict.RequestedDomain, uint32(*q.RequestedDomain))
	}
	if q.CurrentLocation != nil {
		l.enum(dict.CurrentLocation, uint32(*q.CurrentLocation))
	}
	l.each(dict.DSAITag, q.DSAITags)
	if q.SessionPriority != nil {
		l.enum(dict.SessionPriority, uint32(*q.SessionPriority))
	}
	l.userName(q.PrivateIdentity)
	l.number(dict.RequestedNodes, q.RequestedNodes)
	if q.OnlyServingNodes {
		l.enum(dict.ServingNodeIndication, 0)
	}
	if q.PrePaging {
		l.enum(dict.PrePagingSupported, 1)
	}
	if q.LocalTimeZone != nil {
		l.enum(dict.LocalTimeZoneIndication, uint32(*q.LocalTimeZone))
	}
	l.number(dict.UDRFlags, q.Flags)
	if q.CallReference != nil {
		l.add(q.CallReference.avp())
	}
	m.AVP = l
	return nil
}

// ParseUDR reads a request as the HSS gets it and judges it by the table of references.
func ParseUDR(m *diam.Message) (*UDR, error) {
	a := m.AVP
	q := &UDR{
		Host: diameter.Text(a, 0, dict.DestinationHost), Identity: parseIdentity(a), Wildcards: parseWildcards(a),
		References: nums[Reference](a, dict.DataReference), ServerName: str(a, dict.ServerName),
		ServiceIndications: strs(a, dict.ServiceIndication), IdentitySets: nums[IdentitySet](a, dict.IdentitySet),
		RequestedDomain: optional[Domain](a, dict.RequestedDomain),
		CurrentLocation: optional[CurrentLocation](a, dict.CurrentLocation), DSAITags: strs(a, dict.DSAITag),
		SessionPriority: optional[Priority](a, dict.SessionPriority), PrivateIdentity: diameter.Text(a, 0, dict.UserName),
		OnlyServingNodes: find(a, dict.ServingNodeIndication) != nil,
		LocalTimeZone:    optional[TimeZoneIndication](a, dict.LocalTimeZoneIndication),
		CallReference:    parseCallReference(a), Features: parseFeatures(a),
	}
	q.RequestedNodes, _ = num(a, dict.RequestedNodes)
	q.Flags, _ = num(a, dict.UDRFlags)
	paging, _ := num(a, dict.PrePagingSupported)
	q.PrePaging = paging == 1
	return q, q.check()
}

func (q *UDR) check() error {
	return query{Read, q.Identity, q.References, func(code uint32) bool {
		switch code {
		case dict.ServiceIndication:
			return len(q.ServiceIndications) > 0
		case dict.ServerName:
			return q.ServerName != ""
		case dict.RequestedDomain:
			return q.RequestedDomain != nil
		case dict.DSAITag:
			return len(q.DSAITags) > 0
		case dict.UserName:
			return q.PrivateIdentity != ""
		}
		return false
	}}.check()
}

// UDA is the answer to a UDR.
type UDA struct {
	// Host is the HSS that answered; the next request about this user may name it.
	Host      string
	Wildcards Wildcards
	// Data is never nil in a successful answer; an answer without User-Data means that there is nothing.
	Data *Data
	// XML is the document as it came.
	XML      []byte
	Features []Features
}

// Append adds the answer's AVPs, on the side of the HSS.
func (a *UDA) Append(m *diam.Message) error {
	l := list(m.AVP)
	l.features(a.Features)
	a.Wildcards.add(&l)
	err := l.data(a.Data, a.XML)
	m.AVP = l
	return err
}

// PUR is a Profile-Update-Request: write data (TS 29.329 6.1.3).
type PUR struct {
	Host            string
	Identity        Identity
	Wildcards       Wildcards
	References      []Reference
	PrivateIdentity string
	Data            *Data
	Features        []Features
}

func (q *PUR) append(m *diam.Message) error {
	l := list(m.AVP)
	l.features(q.Features)
	l.add(q.Identity.avp())
	q.Wildcards.add(&l)
	l.userName(q.PrivateIdentity)
	l.references(q.References)
	err := l.data(q.Data, nil)
	m.AVP = l
	return err
}

// ParsePUR reads a request as the HSS gets it and judges it by the table of references.
func ParsePUR(m *diam.Message) (*PUR, error) {
	a := m.AVP
	q := &PUR{
		Host: diameter.Text(a, 0, dict.DestinationHost), Identity: parseIdentity(a), Wildcards: parseWildcards(a),
		References: nums[Reference](a, dict.DataReference), PrivateIdentity: diameter.Text(a, 0, dict.UserName),
		Features: parseFeatures(a),
	}
	if err := q.check(); err != nil {
		return q, err
	}
	if find(a, dict.UserData) == nil {
		return q, &Error{Code: uint32(diameter.MissingAVP), Missing: dict.UserData}
	}
	d, err := ParseData([]byte(str(a, dict.UserData)))
	if err != nil {
		return q, &Error{Experimental: true, Code: UserDataNotRecognized, Message: err.Error()}
	}
	q.Data = d
	return q, nil
}

func (q *PUR) check() error {
	return query{Update, q.Identity, q.References, func(code uint32) bool {
		return code == dict.UserName && q.PrivateIdentity != ""
	}}.check()
}

// PUA is the answer to a PUR. What failed stands in the Error.
type PUA struct {
	Host      string
	Wildcards Wildcards
	Features  []Features
}

// SNR is a Subscribe-Notifications-Request (TS 29.329 6.1.5).
type SNR struct {
	Host               string
	Identity           Identity
	Wildcards          Wildcards
	References         []Reference
	Unsubscribe        bool
	ServiceIndications []string
	// SendData asks for the data as they are now, in the SNA.
	SendData     bool
	ServerName   string
	IdentitySets []IdentitySet
	// Expiry is when the subscription ends; zero means never.
	Expiry          time.Time
	DSAITags        []string
	OneTime         bool
	PrivateIdentity string
	Features        []Features
}

func (q *SNR) append(m *diam.Message) error {
	l := list(m.AVP)
	l.features(q.Features)
	l.add(q.Identity.avp())
	q.Wildcards.add(&l)
	l.each(dict.ServiceIndication, q.ServiceIndications)
	if q.SendData {
		l.enum(dict.SendDataIndication, 1)
	}
	l.text(dict.ServerName, q.ServerName)
	kind := uint32(0)
	if q.Unsubscribe {
		kind = 1
	}
	l.enum(dict.SubsReqType, kind)
	l.references(q.References)
	for _, s := range q.IdentitySets {
		l.enum(dict.IdentitySet, uint32(s))
	}
	l.when(dict.ExpiryTime, q.Expiry)
	l.each(dict.DSAITag, q.DSAITags)
	if q.OneTime {
		l.enum(dict.OneTimeNotification, 0)
	}
	l.userName(q.PrivateIdentity)
	m.AVP = l
	return nil
}

// ParseSNR reads a request as the HSS gets it and judges it by the table of references.
func ParseSNR(m *diam.Message) (*SNR, error) {
	a := m.AVP
	q := &SNR{
		Host: diameter.Text(a, 0, dict.DestinationHost), Identity: parseIdentity(a), Wildcards: parseWildcards(a),
		References: nums[Reference](a, dict.DataReference), ServiceIndications: strs(a, dict.ServiceIndication),
		ServerName: str(a, dict.ServerName), IdentitySets: nums[IdentitySet](a, dict.IdentitySet),
		Expiry: when(a, dict.ExpiryTime), DSAITags: strs(a, dict.DSAITag),
		OneTime: find(a, dict.OneTimeNotification) != nil, PrivateIdentity: diameter.Text(a, 0, dict.UserName),
		Features: parseFeatures(a),
	}
	kind, ok := num(a, dict.SubsReqType)
	if !ok {
		return q, &Error{Code: uint32(diameter.MissingAVP), Missing: dict.SubsReqType}
	}
	q.Unsubscribe = kind == 1
	send, _ := num(a, dict.SendDataIndication)
	q.SendData = send == 1
	return q, q.check()
}

func (q *SNR) check() error {
	return query{Notify, q.Identity, q.References, func(code uint32) bool {
		switch code {
		case dict.ServiceIndication:
			return len(q.ServiceIndications) > 0
		case dict.ServerName:
			return q.ServerName != ""
		case dict.DSAITag:
			return len(q.DSAITags) > 0
		case dict.OneTimeNotification:
			return q.OneTime
		case dict.UserName:
			return q.PrivateIdentity != ""
		}
		return false
	}}.check()
}

// SNA is the answer to an SNR.
type SNA struct {
	Host      string
	Wildcards Wildcards
	// Data is there when it was asked for and there is any.
	Data *Data
	XML  []byte
	// Expiry is when the HSS ends the subscription; it may be earlier than asked for. Zero means never.
	Expiry   time.Time
	Features []Features
}

// Append adds the answer's AVPs, on the side of the HSS.
func (a *SNA) Append(m *diam.Message) error {
	l := list(m.AVP)
	l.features(a.Features)
	a.Wildcards.add(&l)
	err := l.data(a.Data, a.XML)
	l.when(dict.ExpiryTime, a.Expiry)
	m.AVP = l
	return err
}

// PNR is a Push-Notification-Request, which the HSS sends (TS 29.329 6.1.7).
type PNR struct {
	Identity        Identity
	Wildcards       Wildcards
	PrivateIdentity string
	Data            *Data
	XML             []byte
	// Host is the HSS that sent it.
	Host string
}

// Append adds the request's AVPs, on the side of the HSS.
func (q *PNR) Append(m *diam.Message) error {
	l := list(m.AVP)
	l.add(q.Identity.avp())
	q.Wildcards.add(&l)
	l.userName(q.PrivateIdentity)
	err := l.data(q.Data, q.XML)
	m.AVP = l
	return err
}

// ParsePNR reads a notification as the application server gets it.
func ParsePNR(m *diam.Message) (*PNR, error) {
	a := m.AVP
	q := &PNR{
		Identity: parseIdentity(a), Wildcards: parseWildcards(a), PrivateIdentity: diameter.Text(a, 0, dict.UserName),
		Host: diameter.Text(a, 0, dict.OriginHost), XML: []byte(str(a, dict.UserData)),
	}
	if _, err := q.Identity.kind(); err != nil {
		return q, err
	}
	if find(a, dict.UserData) == nil {
		return q, &Error{Code: uint32(diameter.MissingAVP), Missing: dict.UserData}
	}
	d, err := ParseData(q.XML)
	if err != nil {
		return q, &Error{Experimental: true, Code: UserDataNotRecognized, Message: err.Error()}
	}
	q.Data = d
	return q, nil
}

// AnswerError returns the answer that tells an error of this package, with the AVP at fault (RFC 6733 7.5).
func AnswerError(r *diameter.Request, e *Error) *diam.Message {
	var a *diam.Message
	if e.Experimental {
		a = r.AnswerExperimental(dict.Vendor3GPP, diameter.ResultCode(e.Code))
	} else {
		a = r.Answer(diameter.ResultCode(e.Code))
	}
	if e.Message != "" {
		a.AVP = append(a.AVP, diam.NewAVP(dict.ErrorMessage, 0, 0, datatype.UTF8String(e.Message)))
	}
	if e.Missing != 0 {
		if b, err := missingAVP(e.Missing).Serialize(); err == nil {
			diameter.Add(a, dict.FailedAVP, datatype.OctetString(b))
		}
	}
	if e.FailedRepository != nil {
		a.AVP = append(a.AVP, e.FailedRepository.avp())
	}
	if e.FailedReference != nil {
		a.AVP = append(a.AVP, shAVP(dict.DataReference, datatype.Enumerated(*e.FailedReference)))
	}
	return a
}

// missingAVP is an example of an AVP, filled with zeros, as Failed-AVP shows a missing one.
func missingAVP(code uint32) *diam.AVP {
	if code == dict.UserName {
		return diameter.AVP(code, datatype.OctetString(""))
	}
	switch code {
	case dict.PublicIdentity, dict.ServerName, dict.UserIdentity, dict.UserData, dict.ServiceIndication, dict.DSAITag:
		return shAVP(code, datatype.OctetString(""))
	}
	return shAVP(code, datatype.Unsigned32(0))
}
