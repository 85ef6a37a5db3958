package ims

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/bifrons/bifrons/diameter/sh"
)

// LDAPConfig is the settings of a directory.
type LDAPConfig struct {
	// URL is ldap://, ldaps:// or ldapi://.
	URL string `yaml:"url"`
	// StartTLS encrypts an ldap:// connection; CA verifies the server, else the system's roots do.
	StartTLS bool   `yaml:"start_tls"`
	CA       string `yaml:"ca"`
	// BindDN and PasswordFile sign us in; without them we are anonymous.
	BindDN       string `yaml:"bind_dn"`
	PasswordFile string `yaml:"password_file"`
	BaseDN       string `yaml:"base_dn"`
	// Filters find a subscriber by each key; {value} stands for the value, escaped. A key without a filter finds nobody.
	Filters map[By]string `yaml:"filters"`
	// Attributes name the attribute of each field: uuid, username, public, private, msisdn, imsi, state, scscf,
	// collection, event.
	Attributes map[string]string `yaml:"attributes"`
	// Services name the attribute that holds the document of each service.
	Services map[string]string `yaml:"services"`
	// Extra attributes are given as they are.
	Extra   []string      `yaml:"extra"`
	Pool    int           `yaml:"pool"`
	Timeout time.Duration `yaml:"timeout"`
}

// DefaultLDAPConfig returns settings to which URL, base, filters and attributes are to be added.
func DefaultLDAPConfig() LDAPConfig { return LDAPConfig{Pool: 8, Timeout: 2 * time.Second} }

// Validate tells the first setting that cannot work.
func (c *LDAPConfig) Validate() error {
	if c.URL == "" || c.BaseDN == "" || len(c.Filters) == 0 {
		return errors.New("ldap needs url, base_dn and filters")
	}
	for by, f := range c.Filters {
		if err := (Query{by, "x"}).validate(); err != nil {
			return fmt.Errorf("ldap filter: %w", err)
		}
		if !strings.Contains(f, "{value}") {
			return fmt.Errorf("ldap filter %s has no {value}", by)
		}
		if _, err := ldap.CompileFilter(strings.ReplaceAll(f, "{value}", "x")); err != nil {
			return fmt.Errorf("ldap filter %s: %w", by, err)
		}
	}
	var probe Subscriber
	for name := range c.Attributes {
		if !probe.set(name, nil) {
			return fmt.Errorf("ldap attributes: %q is no field of a subscriber", name)
		}
	}
	if c.StartTLS && !strings.HasPrefix(c.URL, "ldap://") {
		return errors.New("start_tls is for ldap:// only")
	}
	if c.Pool < 1 || c.Timeout <= 0 {
		return errors.New("ldap needs pool and timeout")
	}
	return nil
}

// LDAP is the source that asks a directory over a pool of connections.
type LDAP struct {
	cfg        LDAPConfig
	tls        *tls.Config
	password   string
	attributes []string
	places     chan struct{}   // one per connection that may be in use
	idle       chan *ldap.Conn // connections that wait
}

// NewLDAP returns the source; it connects when it is first asked.
func NewLDAP(cfg LDAPConfig) (*LDAP, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &LDAP{cfg: cfg, places: make(chan struct{}, cfg.Pool), idle: make(chan *ldap.Conn, cfg.Pool)}
	if cfg.PasswordFile != "" {
		b, err := os.ReadFile(cfg.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read ldap password: %w", err)
		}
		l.password = strings.TrimRight(string(b), "\r\n")
	}
	var err error
	if l.tls, err = cfg.clientTLS(); err != nil {
		return nil, err
	}
	for _, a := range cfg.Attributes {
		l.attributes = append(l.attributes, a)
	}
	for _, a := range cfg.Services {
		l.attributes = append(l.attributes, a)
	}
	l.attributes = append(l.attributes, cfg.Extra...)
	return l, nil
}

func (c *LDAPConfig) clientTLS() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	_, rest, _ := strings.Cut(c.URL, "://")
	host, _, _ := strings.Cut(rest, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	t.ServerName = host
	if c.CA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read CA: no certificate in %s", c.CA)
	}
	return t, nil
}

// Name implements Source.
func (l *LDAP) Name() string { return "ldap" }

// Close closes the connections that are not in use.
func (l *LDAP) Close() {
	for {
		select {
		case c := <-l.idle:
			c.Close()
		default:
			return
		}
	}
}

// Load implements Source.
func (l *LDAP) Load(ctx context.Context, q Query) (*Subscriber, error) {
	filter, ok := l.cfg.Filters[q.By]
	if !ok {
		return nil, ErrNotFound
	}
	filter = strings.ReplaceAll(filter, "{value}", ldap.EscapeFilter(q.normal()))
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for an ldap connection: %w", ctx.Err())
	}
	entries, err := l.search(ctx, filter)
	switch {
	case err != nil:
		return nil, fmt.Errorf("ldap search: %w", err)
	case len(entries) == 0:
		return nil, ErrNotFound
	case len(entries) > 1:
		return nil, fmt.Errorf("ldap search: several entries have %s %s", q.By, q.Value)
	}
	return l.subscriber(entries[0])
}

// search asks over an idle connection, and once more over a new one if that has died meanwhile.
func (l *LDAP) search(ctx context.Context, filter string) ([]*ldap.Entry, error) {
	request := ldap.NewSearchRequest(l.cfg.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2,
		int(max(l.cfg.Timeout/time.Second, 1)), false, filter, l.attributes, nil)
	for {
		c, fresh, err := l.connection()
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		result, err := c.Search(request)
		stopped := !stop()
		var code *ldap.Error
		switch {
		case stopped:
			return nil, ctx.Err()
		case err == nil:
			l.idle <- c
			return result.Entries, nil
		case errors.As(err, &code) && code.ResultCode == ldap.LDAPResultNoSuchObject:
			l.idle <- c
			return nil, nil
		}
		c.Close()
		if fresh || !ldap.IsErrorWithCode(err, ldap.ErrorNetwork) {
			return nil, err
		}
	}
}

// connection takes one from the pool or makes one. A place is held, so the pool has room for it afterwards.
func (l *LDAP) connection() (c *ldap.Conn, fresh bool, err error) {
	select {
	case c = <-l.idle:
		return c, false, nil
	default:
	}
	c, err = ldap.DialURL(l.cfg.URL, ldap.DialWithDialer(&net.Dialer{Timeout: l.cfg.Timeout}), ldap.DialWithTLSConfig(l.tls))
	if err != nil {
		return nil, true, err
	}
	c.SetTimeout(l.cfg.Timeout)
	if l.cfg.StartTLS {
		err = c.StartTLS(l.tls)
	}
	if err == nil && l.cfg.BindDN != "" {
		err = c.Bind(l.cfg.BindDN, l.password)
	}
	if err != nil {
		c.Close()
		return nil, true, err
	}
	return c, true, nil
}

// subscriber makes one of an entry, as the configuration maps it.
func (l *LDAP) subscriber(e *ldap.Entry) (*Subscriber, error) {
	s := &Subscriber{}
	for name, attribute := range l.cfg.Attributes {
		values := e.GetEqualFoldAttributeValues(attribute)
		if len(values) == 0 {
			continue
		}
		if !s.set(name, values) {
			return nil, fmt.Errorf("ldap entry %s: %s is no value of %s", e.DN, values[0], name)
		}
	}
	for service, attribute := range l.cfg.Services {
		if v := e.GetEqualFoldAttributeValue(attribute); v != "" {
			if s.Services == nil {
				s.Services = make(map[string]string)
			}
			s.Services[service] = v
		}
	}
	for _, attribute := range l.cfg.Extra {
		if v := e.GetEqualFoldAttributeValues(attribute); len(v) > 0 {
			if s.Attributes == nil {
				s.Attributes = make(map[string][]string)
			}
			s.Attributes[attribute] = v
		}
	}
	return s, nil
}

// LDAPFields lists the fields of a subscriber that an attribute may be mapped to.
func LDAPFields() []string {
	return []string{"uuid", "username", "public", "private", "msisdn", "imsi", "state", "scscf", "collection", "event"}
}

// set sets a field by name; false for an unknown field or a value that it cannot have. Without values it only looks.
func (s *Subscriber) set(name string, values []string) bool {
	lists := map[string]*[]string{
		"public": &s.Public, "private": &s.Private, "msisdn": &s.MSISDN, "collection": &s.Collection, "event": &s.Event,
	}
	texts := map[string]*string{"uuid": &s.UUID, "username": &s.Username, "imsi": &s.IMSI, "scscf": &s.SCSCF}
	list, isList := lists[name]
	text, isText := texts[name]
	switch {
	case !isList && !isText && name != "state":
		return false
	case len(values) == 0:
	case isList:
		*list = values
	case isText:
		*text = values[0]
	default:
		n, err := strconv.Atoi(values[0])
		if err != nil || n < int(sh.NotRegistered) || n > int(sh.AuthenticationPending) {
			return false
		}
		state := sh.IMSUserState(n)
		s.State = &state
	}
	return true
}
