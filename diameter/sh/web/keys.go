package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

// keysOf returns what a request is about: ?ref= and ?service= may repeat; server_name, tag, set, domain and private refine.
func (s *server) keysOf(r *http.Request) ([]cache.Key, error) {
	id, err := sh.ParseIdentity(r.PathValue("identity"))
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	base := cache.Key{Identity: id, ServerName: q.Get("server_name"), Tag: q.Get("tag"), PrivateIdentity: q.Get("private")}
	domains := map[string]uint8{"": 0, "cs": 1, "ps": 2}
	sets := map[string]sh.IdentitySet{
		"": sh.AllIdentities, "all": sh.AllIdentities, "registered": sh.RegisteredIdentities, "implicit": sh.ImplicitIdentities, "alias": sh.AliasIdentities,
	}
	set, known := sets[q.Get("set")]
	if !known {
		return nil, fmt.Errorf("identity set %q is none of all, registered, implicit, alias", q.Get("set"))
	}
	if base.Domain, known = domains[q.Get("domain")]; !known {
		return nil, fmt.Errorf("domain %q is neither cs nor ps", q.Get("domain"))
	}
	var keys []cache.Key
	for _, name := range q["ref"] {
		k := base
		var ok bool
		if k.Ref, ok = sh.ParseReference(name); !ok {
			return nil, fmt.Errorf("%q is no data reference", name)
		}
		if k.Ref == sh.RefIMSPublicIdentity {
			k.Set = set
		}
		if k.ServerName == "" && (k.Ref == sh.RefInitialFilterCriteria || k.Ref == sh.RefDSAI) {
			k.ServerName = s.cfg.ServerName
		}
		if k.Ref == sh.RefDSAI && len(q["tag"]) > 1 {
			for _, k.Tag = range q["tag"] {
				keys = append(keys, k)
			}
			continue
		}
		keys = append(keys, k)
	}
	for _, service := range q["service"] {
		k := base
		k.Ref, k.Service = sh.RefRepositoryData, service
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		for _, ref := range usual {
			k := base
			k.Ref = ref
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// get reads through the cache; with ?active= the HSS asks the network, and nothing is cached. The wait of the policy is for
// all references of a request together, since they are read at the same time.
func (s *server) get(r *http.Request, k cache.Key, began time.Time) (cache.Value, error) {
	if !r.URL.Query().Has("active") {
		p := s.cfg.Policy
		if p.Wait > 0 {
			p.Wait = max(p.Wait-time.Since(began), 1)
		}
		return s.cache.Get(r.Context(), k, p)
	}
	if k.Ref != sh.RefLocationInformation {
		return cache.Value{}, &badRequest{errors.New("active is for LocationInformation")}
	}
	a, err := s.client.UDR(r.Context(), request(r, k))
	if err != nil {
		return cache.Value{}, err
	}
	return cache.Value{Data: a.Data, Age: time.Duration(0)}, nil
}

// request makes the UDR that reads a key.
func request(r *http.Request, k cache.Key) *sh.UDR {
	q := k.UDR()
	if r.URL.Query().Has("active") {
		now := sh.ActiveLocation
		q.CurrentLocation = &now
	}
	return q
}

// trace asks the HSS, past the cache, and shows the AVPs of request and answer.
func (s *server) trace(w http.ResponseWriter, r *http.Request, keys []cache.Key) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	client := s.client.Traced(func(m *diam.Message) { fmt.Fprint(w, sh.Trace(m)) })
	for _, k := range keys {
		if _, err := client.UDR(r.Context(), request(r, k)); err != nil {
			fmt.Fprintln(w, err)
		}
	}
}

func asXML(r *http.Request) bool { return r.URL.Query().Get("form") == "xml" }
