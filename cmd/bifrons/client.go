package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/internal/admin"
)

// guardAPI gives the API its certificates and its token.
func guardAPI(c *configs.Admin, a *admin.Config) error {
	if c.TLS.Cert != "" {
		t := c.TLS
		certs, err := newCertificates(&t)
		if err != nil {
			return fmt.Errorf("admin: %w", err)
		}
		a.TLS, a.Mutual = certs.config(), t.Mutual
	}
	if c.TokenFile != "" {
		token, err := configs.FirstLine(c.TokenFile)
		if err != nil {
			return fmt.Errorf("admin.token_file: %w", err)
		}
		a.Token = token
	}
	return nil
}

// access is how a server that wants to know who asks is asked.
type access struct{ token, ca, cert, key string }

func (a *access) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&a.token, "token-file", "", "file with the server's token; the variable BIFRONS_TOKEN has it, too")
	f.StringVar(&a.ca, "admin-ca", "", "file of the authorities that may have signed the server's certificate")
	f.StringVar(&a.cert, "admin-cert", "", "our certificate, for a server that asks for one")
	f.StringVar(&a.key, "admin-key", "", "its key")
}

// clientKey is where the context of a command has its HTTP client.
type clientKey struct{}

// clientOf returns the HTTP client of a command.
func clientOf(ctx context.Context) *http.Client {
	if c, ok := ctx.Value(clientKey{}).(*http.Client); ok {
		return c
	}
	return http.DefaultClient
}

// client makes the HTTP client that the flags describe.
func (a *access) client() (*http.Client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, err
		}
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM", a.ca)
		}
	}
	if (a.cert == "") != (a.key == "") {
		return nil, usageError{errors.New("--admin-cert and --admin-key go together")}
	}
	if a.cert != "" {
		pair, err := tls.LoadX509KeyPair(a.cert, a.key)
		if err != nil {
			return nil, err
		}
		t.Certificates = []tls.Certificate{pair}
	}
	token := os.Getenv("BIFRONS_TOKEN")
	if a.token != "" {
		var err error
		if token, err = configs.FirstLine(a.token); err != nil {
			return nil, err
		}
	}
	return &http.Client{Transport: bearer{&http.Transport{TLSClientConfig: t}, token}}, nil
}

// bearer shows the token with each request.
type bearer struct {
	next  *http.Transport
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

// base is the URL of an admin address: host:port, or a URL with its scheme.
func base(at string) string {
	if strings.Contains(at, "://") {
		return strings.TrimSuffix(at, "/")
	}
	return "http://" + at
}
