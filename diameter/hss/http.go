package hss

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
)

// maxBody is the largest body of an API request.
const maxBody = 1 << 20

// apiError is an error with the status it is told with.
type apiError struct {
	status int
	err    error
}

func (e *apiError) Error() string { return e.err.Error() }

func status(code int, format string, args ...any) error {
	return &apiError{code, fmt.Errorf(format, args...)}
}

// Handler returns the HTTP API, described in docs/hss.md.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			v, err := f(r)
			reply(w, v, err)
		})
	}
	handle("GET /subscribers", s.getSubscribers)
	handle("GET /subscribers/{identity}", s.getSubscriber)
	handle("PUT /subscribers/{identity}", s.putSubscriber)
	handle("PATCH /subscribers/{identity}", s.patchSubscriber)
	handle("DELETE /subscribers/{identity}", s.deleteSubscriber)
	handle("PUT /subscribers/{identity}/state/{state}", s.putState)
	handle("PUT /subscribers/{identity}/repository/{service}", s.putRepository)
	handle("DELETE /subscribers/{identity}/repository/{service}", s.putRepository)
	handle("GET /subscriptions", s.getSubscriptions)
	handle("GET /faults", func(*http.Request) (any, error) { return s.faults.get(), nil })
	handle("PUT /faults", s.putFaults)
	handle("DELETE /faults", func(*http.Request) (any, error) { s.faults.set(nil); return nil, nil })
	handle("GET /peers", func(*http.Request) (any, error) { return s.endpoint.Status(), nil })
	return mux
}

func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		code := http.StatusBadRequest
		if e, ok := errors.AsType[*apiError](err); ok {
			code = e.status
		}
		w.WriteHeader(code)
		v = map[string]string{"error": err.Error()}
	} else if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v)
}

// subscriberJSON is a subscriber as the API shows it: with its transparent data as they are now.
type subscriberJSON struct {
	*Subscriber
	Stored []storedJSON `json:"stored,omitempty"`
}

type storedJSON struct {
	Service  string `json:"service"`
	Sequence uint16 `json:"sequence"`
	Data     string `json:"data"`
}

func (r *record) json() subscriberJSON {
	out := subscriberJSON{Subscriber: clone(r.Subscriber)}
	for _, d := range r.repos {
		out.Stored = append(out.Stored, storedJSON{d.ServiceIndication, d.SequenceNumber, string(d.ServiceData)})
	}
	return out
}

// clone copies a subscriber by way of its JSON, so that nobody shares its lists.
func clone(s *Subscriber) *Subscriber {
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("subscriber is no JSON: %v", err))
	}
	out := new(Subscriber)
	if err := json.Unmarshal(b, out); err != nil {
		panic(fmt.Sprintf("subscriber is not read back: %v", err))
	}
	return out
}

func (s *Server) getSubscribers(*http.Request) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]subscriberJSON, 0, len(s.store.all))
	for _, r := range s.store.all {
		out = append(out, r.json())
	}
	return out, nil
}

// named finds the subscriber of a request. The lock is held.
func (s *Server) named(r *http.Request) (found, sh.Identity, error) {
	id, err := sh.ParseIdentity(r.PathValue("identity"))
	if err != nil {
		return found{}, id, err
	}
	f, ok := s.store.find(id)
	if !ok {
		return found{}, id, status(http.StatusNotFound, "no subscriber has %s", id)
	}
	return f, id, nil
}

func (s *Server) getSubscriber(r *http.Request) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	return f.json(), nil
}

func (s *Server) putSubscriber(r *http.Request) (any, error) {
	sub := new(Subscriber)
	if err := decode(r, sub); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, id, err := s.named(r)
	if e, ok := errors.AsType[*apiError](err); ok && e.status == http.StatusNotFound {
		if len(sub.Public) == 0 {
			sub.Public = []PublicIdentity{{ID: id.Public}}
		}
		return sub, s.store.put(sub)
	}
	if err != nil {
		return nil, err
	}
	if len(sub.Public) == 0 {
		sub.Public = f.Public
	}
	return sub, s.replace(f.record, sub)
}

// patchSubscriber changes the fields that the body names.
func (s *Server) patchSubscriber(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	sub := clone(f.Subscriber)
	if err := decode(r, sub); err != nil {
		return nil, err
	}
	return sub, s.replace(f.record, sub)
}

// replace puts new data in the place of a subscriber's; its subscriptions stay, what was written over Sh stays.
func (s *Server) replace(old *record, sub *Subscriber) error {
	next, err := newRecord(sub)
	if err != nil {
		return err
	}
	next.repos, next.sms = old.repos, old.sms
	s.store.remove(old)
	if err := s.store.insert(next); err != nil {
		s.store.remove(next)
		return errors.Join(err, s.store.insert(old))
	}
	// The subscriptions point to the record, so the record stays and its content goes over.
	s.store.remove(next)
	s.mutate(old, func() { *old = *next })
	return s.store.insert(old)
}

func (s *Server) deleteSubscriber(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	s.store.remove(f.record)
	delete(s.subscriptions, f.record)
	return nil, nil
}

func (s *Server) putState(r *http.Request) (any, error) {
	var state State
	if err := state.UnmarshalText([]byte(r.PathValue("state"))); err != nil {
		return nil, err
	}
	return nil, s.SetState(r.PathValue("identity"), sh.IMSUserState(state))
}

// SetState changes the registration of a public identity, as the HTTP API does: whoever subscribed to it is told.
func (s *Server) SetState(identity string, state sh.IMSUserState) error {
	id, err := sh.ParseIdentity(identity)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.store.find(id)
	if !ok {
		return status(http.StatusNotFound, "no subscriber has %s", identity)
	}
	s.mutate(f.record, func() { f.public(f.id).State = State(state) })
	return nil
}

// putRepository writes or deletes transparent data as another application server would.
func (s *Server) putRepository(r *http.Request) (any, error) {
	var data sh.RawXML
	if r.Method == http.MethodPut {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		data = b
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	service := r.PathValue("service")
	stored, exists := f.repos[repoKey{f.public(f.id).Alias, service}]
	if !exists && data == nil {
		return nil, status(http.StatusNotFound, "no data of %s", service)
	}
	d := sh.RepositoryData{
		ServiceIndication: service, SequenceNumber: sh.NextSequence(exists, stored.SequenceNumber), ServiceData: data,
	}
	if _, err := (&sh.Data{Repository: []sh.RepositoryData{d}}).XML(); err != nil {
		return nil, err
	}
	changes, err := s.prepareRepository(f, []sh.RepositoryData{d}, 0)
	if err != nil {
		return nil, err
	}
	s.mutate(f.record, changes[0])
	return storedJSON{service, d.SequenceNumber, string(data)}, nil
}

func (s *Server) putFaults(r *http.Request) (any, error) {
	var list []Fault
	if err := decode(r, &list); err != nil {
		return nil, err
	}
	for i := range list {
		if err := list[i].validate(); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	s.faults.set(list)
	return list, nil
}

type subscriptionJSON struct {
	Host      string     `json:"host"`
	Identity  string     `json:"identity"`
	Reference string     `json:"reference"`
	Service   string     `json:"service,omitempty"`
	Tag       string     `json:"tag,omitempty"`
	Expiry    *time.Time `json:"expiry,omitempty"`
}

func (s *Server) getSubscriptions(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, now := make([]subscriptionJSON, 0, len(s.subscriptions)), time.Now()
	for _, r := range s.store.all {
		s.expire(r, now)
		for _, x := range s.subscriptions[r] {
			j := subscriptionJSON{Host: x.as.host, Identity: x.key.String(), Reference: x.view.ref.String(), Service: x.view.service, Tag: x.view.tag}
			if !x.expiry.IsZero() {
				j.Expiry = &x.expiry
			}
			out = append(out, j)
		}
	}
	return out, nil
}

func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}
