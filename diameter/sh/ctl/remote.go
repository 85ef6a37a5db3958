package ctl

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/diameter/sh"
)

// maxAnswer bounds what a server may send at once.
const maxAnswer = 16 << 20

// remote asks a running server, by the API of package web.
type remote struct {
	base string
	http *http.Client
}

func openRemote(o Options) (*Session, error) {
	if o.Admin == "" {
		return nil, errors.New("need an HSS: --peer HOST:PORT")
	}
	client := o.Client
	if client == nil {
		client = &http.Client{Transport: &http.Transport{}}
	}
	return &Session{opts: o, remote: &remote{o.Admin, client}}, nil
}

// path is that of an identity; its characters are escaped, for a SIP URI may have slashes.
func (r *remote) path(id sh.Identity, rest string, query url.Values) string {
	return r.base + "/v1/subscribers/" + url.PathEscape(id.String()) + rest + "?" + query.Encode()
}

// reference writes what a request asks for as a query.
func reference(refs []sh.Reference, services, tags []string, server, private string, domain *sh.Domain, set []sh.IdentitySet, active bool) url.Values {
	q := url.Values{"form": {"xml"}}
	for _, ref := range refs {
		if ref == sh.RefRepositoryData {
			q["service"] = services
		} else {
			q.Add("ref", ref.String())
		}
	}
	for k, v := range map[string]string{"server_name": server, "private": private} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(tags) > 0 {
		q["tag"] = tags
	}
	if domain != nil {
		q.Set("domain", map[sh.Domain]string{sh.CS: "cs", sh.PS: "ps"}[*domain])
	}
	if len(set) > 0 {
		q.Set("set", map[sh.IdentitySet]string{sh.AllIdentities: "all", sh.RegisteredIdentities: "registered",
			sh.ImplicitIdentities: "implicit", sh.AliasIdentities: "alias"}[set[0]])
	}
	if active {
		q.Set("active", "")
	}
	return q
}

func (r *remote) do(ctx context.Context, method, at string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return nil, err
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w; is a server running there? --admin says where to ask, and --peer HOST:PORT asks an HSS itself", err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	return nil, errors.New(strings.TrimSpace(string(text)))
}

// read returns a Sh-Data document, or another form of it.
func (r *remote) read(ctx context.Context, q *sh.UDR, form string) ([]byte, error) {
	query := reference(q.References, q.ServiceIndications, q.DSAITags, q.ServerName, q.PrivateIdentity, q.RequestedDomain, q.IdentitySets,
		q.CurrentLocation != nil && *q.CurrentLocation == sh.ActiveLocation)
	query.Set("form", form)
	res, err := r.do(ctx, http.MethodGet, r.path(q.Identity, "", query), nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, maxAnswer))
}

// write stores or deletes transparent data and returns its sequence number.
func (r *remote) write(ctx context.Context, id sh.Identity, service string, data sh.RawXML) (uint16, error) {
	method, body := http.MethodPut, io.Reader(bytes.NewReader(data))
	if data == nil {
		method, body = http.MethodDelete, nil
	}
	res, err := r.do(ctx, method, r.path(id, "/repository/"+url.PathEscape(service), nil), body)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if data == nil {
		return 0, nil
	}
	n, err := strconv.ParseUint(strings.Trim(res.Header.Get("ETag"), `"`), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("the server tells no sequence number: %w", err)
	}
	return uint16(n), nil
}

// follow prints the data and then each change, until the context ends.
func (s *Session) follow(ctx context.Context, q *sh.SNR) error {
	if err := s.noTrace(); err != nil {
		return err
	}
	query := reference(q.References, q.ServiceIndications, q.DSAITags, q.ServerName, q.PrivateIdentity, nil, q.IdentitySets, false)
	res, err := s.remote.do(ctx, http.MethodGet, s.remote.path(q.Identity, "/events", query), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxAnswer)
	var xml []byte
	for first := true; lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			xml = append(append(xml, data...), '\n')
			continue
		}
		if lines.Text() != "" || len(xml) == 0 {
			continue
		}
		if !first {
			s.head(q.Identity)
		}
		if err := s.printXML(bytes.TrimSuffix(xml, []byte("\n"))); err != nil {
			return err
		}
		first, xml = false, nil
	}
	if ctx.Err() != nil {
		return nil
	}
	if lines.Err() != nil {
		return lines.Err()
	}
	return errors.New("the server has ended the stream")
}

// askRemote prints what a running server reads; the trace is of a request of its own, for the answer may come from the cache.
func (s *Session) askRemote(ctx context.Context, q *sh.UDR) error {
	if s.opts.Trace {
		text, err := s.remote.read(ctx, q, "trace")
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s", text)
	}
	xml, err := s.remote.read(ctx, q, "xml")
	if err != nil {
		return err
	}
	return s.printXML(xml)
}

// noTrace is for what a server does without showing its messages.
func (s *Session) noTrace() error {
	if s.opts.Trace {
		return errors.New("--trace of this command needs --peer HOST:PORT")
	}
	return nil
}

// printXML writes a document as the flags want it.
func (s *Session) printXML(xml []byte) error {
	d, err := sh.ParseData(xml)
	if err != nil {
		return err
	}
	return s.print(d, xml)
}
