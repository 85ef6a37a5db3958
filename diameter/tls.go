package diameter

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSConfig names the files of one side of a TLS connection. There is no setting that switches verification off.
type TLSConfig struct {
	// CA verifies the peer; a client without it trusts the system's roots, a server asks for no certificate.
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ServerName is what the peer's certificate must name; empty means the peer's Host.
	ServerName string `yaml:"server_name"`
}

// client returns the settings for dialling the peer.
func (t *TLSConfig) client(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if c.ServerName == "" {
		c.ServerName = host
	}
	var err error
	if c.RootCAs, err = t.pool(); err != nil {
		return nil, err
	}
	if t.Cert != "" {
		cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("load certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// Server returns the settings for a listener. With a CA the client must show a certificate that it signed.
func (t *TLSConfig) Server() (*tls.Config, error) {
	if t.Cert == "" || t.Key == "" {
		return nil, errors.New("a tls listener needs cert and key")
	}
	cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	if t.CA != "" {
		if c.ClientCAs, err = t.pool(); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

func (t *TLSConfig) pool() (*x509.CertPool, error) {
	if t.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read CA: no certificate in %s", t.CA)
	}
	return pool, nil
}
