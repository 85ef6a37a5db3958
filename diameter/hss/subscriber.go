package hss

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bifrons/bifrons/diameter/sh"
)

// Subscriber is a subscription: its identities and all its data, as YAML and as the HTTP API's JSON.
type Subscriber struct {
	Public  []PublicIdentity `yaml:"public" json:"public"`
	Private []string         `yaml:"private" json:"private,omitempty"`
	MSISDN  []string         `yaml:"msisdn" json:"msisdn,omitempty"`
	// External are external identifiers, user@domain.
	External []string `yaml:"external" json:"external,omitempty"`
	IMSI     string   `yaml:"imsi" json:"imsi,omitempty"`
	IMEISV   string   `yaml:"imeisv" json:"imeisv,omitempty"`
	// Kind is user, psi, wildcarded_psi or wildcarded_impu; empty is user.
	Kind Kind `yaml:"kind" json:"kind,omitempty"`
	// PSIActive is for a psi.
	PSIActive *bool     `yaml:"psi_active" json:"psi_active,omitempty"`
	SCSCF     string    `yaml:"scscf" json:"scscf,omitempty"`
	Charging  *Charging `yaml:"charging" json:"charging,omitempty"`
	DSAI      []DSAI    `yaml:"dsai" json:"dsai,omitempty"`
	// CSState, PSState, EPSState and FiveGSState are the numbers of reference 15.
	CSState     *int   `yaml:"cs_state" json:"cs_state,omitempty"`
	PSState     *int   `yaml:"ps_state" json:"ps_state,omitempty"`
	EPSState    *int   `yaml:"eps_state" json:"eps_state,omitempty"`
	FiveGSState *int   `yaml:"5gs_state" json:"5gs_state,omitempty"`
	STNSR       string `yaml:"stn_sr" json:"stn_sr,omitempty"`
	UESRVCC     *bool  `yaml:"ue_srvcc" json:"ue_srvcc,omitempty"`
	// Repository is transparent data by service: the XML inside ServiceData. It belongs to the first alias set.
	Repository map[string]string `yaml:"repository" json:"repository,omitempty"`
	// Data is a Sh-Data document with everything else: filter criteria, locations, TADS and so on.
	Data string `yaml:"data" json:"data,omitempty"`
}

// PublicIdentity is one public identity; in YAML and JSON a string alone will do.
type PublicIdentity struct {
	// ID is a SIP or tel URI. That of a wildcarded identity has a regular expression between two exclamation marks
	// (TS 23.003 13.5).
	ID    string `yaml:"id" json:"id"`
	State State  `yaml:"state" json:"state"`
	// Implicit and Alias number the implicit registration set and the alias set.
	Implicit int  `yaml:"implicit" json:"implicit,omitempty"`
	Alias    int  `yaml:"alias" json:"alias,omitempty"`
	Barred   bool `yaml:"barred" json:"barred,omitempty"`
}

// plainIdentity is PublicIdentity without its methods.
type plainIdentity PublicIdentity

// UnmarshalYAML implements yaml.InterfaceUnmarshaler. Its brother with bytes costs a walk through the whole file each time.
func (p *PublicIdentity) UnmarshalYAML(read func(any) error) error {
	var s string
	if err := read(&s); err == nil {
		*p = PublicIdentity{ID: s}
		return nil
	}
	var x plainIdentity
	err := read(&x)
	*p = PublicIdentity(x)
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *PublicIdentity) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		*p = PublicIdentity{ID: s}
		return nil
	}
	var x plainIdentity
	err := json.Unmarshal(b, &x)
	*p = PublicIdentity(x)
	return err
}

// Charging names the charging functions.
type Charging struct {
	PrimaryEvent        string `yaml:"primary_event" json:"primary_event,omitempty"`
	SecondaryEvent      string `yaml:"secondary_event" json:"secondary_event,omitempty"`
	PrimaryCollection   string `yaml:"primary_collection" json:"primary_collection,omitempty"`
	SecondaryCollection string `yaml:"secondary_collection" json:"secondary_collection,omitempty"`
}

// DSAI is a dynamic service activation tag of an application server.
type DSAI struct {
	ServerName string `yaml:"server_name" json:"server_name"`
	Tag        string `yaml:"tag" json:"tag"`
	Active     bool   `yaml:"active" json:"active"`
}

// State is an IMS user state by name.
type State sh.IMSUserState

// stateNames are the names in YAML and JSON, in the order of the values.
var stateNames = []string{"not_registered", "registered", "unreg_services", "authentication_pending"}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) {
	if s < 0 || int(s) >= len(stateNames) {
		return nil, fmt.Errorf("state %d", s)
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler, for speed; see PublicIdentity.
func (s *State) UnmarshalYAML(read func(any) error) error { return readText(read, s) }

// readText reads a word through its UnmarshalText.
func readText(read func(any) error, to encoding.TextUnmarshaler) error {
	var text string
	if err := read(&text); err != nil {
		return err
	}
	return to.UnmarshalText([]byte(text))
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(b []byte) error {
	for i, n := range stateNames {
		if n == string(b) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("state %q is none of %v", b, stateNames)
}

// Kind is the kind of identities a subscription has.
type Kind string

// The kinds.
const (
	User           Kind = "user"
	PSI            Kind = "psi"
	WildcardedPSI  Kind = "wildcarded_psi"
	WildcardedIMPU Kind = "wildcarded_impu"
)

func (k Kind) service() bool { return k == PSI || k == WildcardedPSI }

func (k Kind) wildcarded() bool { return k == WildcardedPSI || k == WildcardedIMPU }

func (k Kind) identityType() sh.IdentityType {
	switch k {
	case PSI:
		return sh.DistinctPSI
	case WildcardedPSI:
		return sh.WildcardedPSIType
	case WildcardedIMPU:
		return sh.WildcardedIMPUType
	}
	return sh.PublicUserIdentity
}

// record is a subscriber in the store: what was configured, and what has become of it.
type record struct {
	*Subscriber
	document *sh.Data                      // from Data
	repos    map[repoKey]sh.RepositoryData // transparent data
	sms      *sh.SMSRegistration
}

// repoKey is the key of transparent data: all identities of an alias set share one copy (TS 29.328 6.1.2).
type repoKey struct {
	alias   int
	service string
}

func newRecord(s *Subscriber) (*record, error) {
	if len(s.Public) == 0 {
		return nil, errors.New("a subscriber needs a public identity")
	}
	r := &record{Subscriber: s, document: new(sh.Data), repos: make(map[repoKey]sh.RepositoryData)}
	switch s.Kind {
	case "":
		s.Kind = User
	case User, PSI, WildcardedPSI, WildcardedIMPU:
	default:
		return nil, fmt.Errorf("kind %q is none of user, psi, wildcarded_psi, wildcarded_impu", s.Kind)
	}
	for i := range s.Public {
		id, err := sh.ParseIdentity(s.Public[i].ID)
		if err != nil || id.Public == "" {
			return nil, fmt.Errorf("public identity %q is no SIP or tel URI", s.Public[i].ID)
		}
		if !s.Kind.wildcarded() {
			s.Public[i].ID = id.Public
		}
	}
	if s.Data != "" {
		d, err := sh.ParseData([]byte(s.Data))
		if err != nil {
			return nil, err
		}
		r.document = d
	}
	if r.document.IMS == nil {
		r.document.IMS = new(sh.IMSData)
	}
	for service, data := range s.Repository {
		d := sh.RepositoryData{ServiceIndication: service, ServiceData: sh.RawXML(data)}
		if _, err := (&sh.Data{Repository: []sh.RepositoryData{d}}).XML(); err != nil {
			return nil, fmt.Errorf("repository %s: %w", service, err)
		}
		r.repos[repoKey{s.Public[0].Alias, service}] = d
	}
	return r, nil
}

// public returns the entry of one of the subscriber's public identities, or the first.
func (r *record) public(id string) *PublicIdentity {
	for i := range r.Public {
		if r.Public[i].ID == id {
			return &r.Public[i]
		}
	}
	return &r.Public[0]
}

// private tells whether a User-Name belongs to the subscriber.
func (r *record) private(name string) bool {
	for _, p := range r.Private {
		if p == name {
			return true
		}
	}
	return false
}
