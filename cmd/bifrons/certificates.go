package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/bifrons/bifrons/configs"
)

// certificates are the files of a side that speaks TLS. They are looked at again for a handshake, once a second at most, so a
// renewed certificate needs no restart; one that cannot be read leaves the old one in use.
type certificates struct {
	cfg *configs.TLS
	log *slog.Logger // nil: nobody is told of files that cannot be read

	mu      sync.Mutex
	looked  time.Time
	changed [3]time.Time // of the files
	told    [3]time.Time // when they could not be read
	cert    *tls.Certificate
	pool    *x509.CertPool // nil: those of the system
}

// newCertificates reads the files.
func newCertificates(cfg *configs.TLS) (*certificates, error) {
	c := &certificates{cfg: cfg}
	if err := c.read(); err != nil {
		return nil, err
	}
	c.looked, c.changed = time.Now(), c.times()
	return c, nil
}

func (c *certificates) read() error {
	cert, err := tls.LoadX509KeyPair(c.cfg.Cert, c.cfg.Key)
	if err != nil {
		return fmt.Errorf("tls certificate: %w", err)
	}
	var pool *x509.CertPool
	if c.cfg.CA != "" {
		pem, err := os.ReadFile(c.cfg.CA)
		if err != nil {
			return fmt.Errorf("tls authorities: %w", err)
		}
		if pool = x509.NewCertPool(); !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("tls authorities: %s has no certificate in PEM", c.cfg.CA)
		}
	}
	c.cert, c.pool = &cert, pool
	return nil
}

func (c *certificates) times() (t [3]time.Time) {
	for i, path := range [...]string{c.cfg.Cert, c.cfg.Key, c.cfg.CA} {
		if info, err := os.Stat(path); err == nil && path != "" {
			t[i] = info.ModTime()
		}
	}
	return t
}

// current returns what the files have now.
func (c *certificates) current() (*tls.Certificate, *x509.CertPool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > time.Second {
		c.looked = time.Now()
		if now := c.times(); now != c.changed {
			if err := c.read(); err == nil {
				c.changed = now
			} else if now != c.told && c.log != nil {
				c.told = now
				c.log.Warn("the renewed certificate is not taken, the old one stays", "cert", c.cfg.Cert, "err", err)
			}
		}
	}
	return c.cert, c.pool
}

// config is for both directions: peers that connect to us, and those we connect to.
func (c *certificates) config() *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12}
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		cert, pool := c.current()
		out := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*cert}, ClientCAs: pool}
		if c.cfg.Mutual {
			out.ClientAuth = tls.RequireAndVerifyClientCert
		}
		return out, nil
	}
	base.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		cert, _ := c.current()
		return cert, nil
	}
	// The pool of authorities may change, so the chain is verified here and not by the library; the name by sip.Streams, which knows it.
	base.InsecureSkipVerify = true
	base.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the peer shows no certificate")
		}
		_, pool := c.current()
		middle := x509.NewCertPool()
		for _, x := range s.PeerCertificates[1:] {
			middle.AddCert(x)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: middle})
		return err
	}
	return base
}
