package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

const (
	maxBody   = 1 << 20
	keepalive = 15 * time.Second
)

// usual are the references that a subscriber is shown with when the request names none.
var usual = []sh.Reference{sh.RefIMSPublicIdentity, sh.RefIMSUserState, sh.RefSCSCFName, sh.RefChargingInformation, sh.RefMSISDN}

// server is what the handlers share.
type server struct {
	client *sh.Client
	cache  *cache.Cache
	cfg    Config
}

// Config says how requests are served.
type Config struct {
	// Policy is what a client gets when the HSS does not answer.
	Policy cache.Policy
	// ServerName is the Server-Name of requests that name none.
	ServerName string
}

// Handler serves the paths below /v1/subscribers.
func Handler(client *sh.Client, c *cache.Cache, cfg Config) http.Handler {
	s := &server{client, c, cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/subscribers/{identity}", s.subscriber)
	mux.HandleFunc("GET /v1/subscribers/{identity}/events", s.events)
	mux.HandleFunc("GET /v1/subscribers/{identity}/repository/{service}", s.repository)
	mux.HandleFunc("PUT /v1/subscribers/{identity}/repository/{service}", s.putRepository)
	mux.HandleFunc("DELETE /v1/subscribers/{identity}/repository/{service}", s.putRepository)
	return mux
}

// value is one reference in the answer.
type value struct {
	Data  *sh.Data `json:"data,omitempty"`
	Age   float64  `json:"age_seconds"`
	Stale bool     `json:"stale,omitempty"`
	// Default: the HSS did not say so, the configuration did.
	Default bool   `json:"default,omitempty"`
	Error   string `json:"error,omitempty"`
}

// subscriber shows several references of one identity.
func (s *server) subscriber(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		s.events(w, r)
		return
	}
	keys, err := s.keysOf(r)
	if err != nil {
		fail(w, &badRequest{err})
		return
	}
	switch r.URL.Query().Get("form") {
	case "xml":
		s.document(w, r, keys)
		return
	case "trace":
		s.trace(w, r, keys)
		return
	}
	out := make(map[string]value)
	var last error
	began := time.Now()
	s.cache.Prefetch(keys...)
	for _, k := range keys {
		v, err := s.get(r, k, began)
		if e, ok := errors.AsType[*sh.Error](err); ok && e.UserUnknown() {
			fail(w, err)
			return
		}
		if err != nil {
			last = err
			out[k.Ref.String()] = value{Error: err.Error()}
			continue
		}
		out[k.Ref.String()] = value{Data: v.Data, Age: v.Age.Seconds(), Stale: v.Stale, Default: v.Default}
	}
	if last != nil && allFailed(out) {
		fail(w, last)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(map[string]any{"identity": keys[0].Identity.String(), "references": out})
}

// document answers with one Sh-Data document, and its age in the header.
func (s *server) document(w http.ResponseWriter, r *http.Request, keys []cache.Key) {
	if len(keys) != 1 {
		fail(w, &badRequest{errors.New("form=xml is for one reference: name it with ref= or service=")})
		return
	}
	v, err := s.get(r, keys[0], time.Now())
	if err != nil {
		fail(w, err)
		return
	}
	b, err := v.Data.XML()
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Age", strconv.Itoa(int(v.Age.Seconds())))
	if v.Stale || v.Default {
		w.Header().Set("Warning", `110 - "Response is Stale"`) // RFC 7234 5.5.1
	}
	_, _ = w.Write(b)
}

func allFailed(out map[string]value) bool {
	for _, v := range out {
		if v.Error == "" {
			return false
		}
	}
	return true
}

// repository shows transparent data; the sequence number is the ETag.
func (s *server) repository(w http.ResponseWriter, r *http.Request) {
	id, err := sh.ParseIdentity(r.PathValue("identity"))
	if err != nil {
		fail(w, &badRequest{err})
		return
	}
	d, err := s.client.RepositoryData(r.Context(), id, r.PathValue("service"))
	switch {
	case err != nil:
		fail(w, err)
	case d.Data == nil:
		http.Error(w, "no data of this service", http.StatusNotFound)
	case r.Header.Get("If-None-Match") == etag(d.Sequence):
		w.Header().Set("ETag", etag(d.Sequence))
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", etag(d.Sequence))
		w.Header().Set("Content-Type", "application/xml")
		_, _ = w.Write(d.Data)
	}
}

func etag(n uint16) string { return `"` + strconv.Itoa(int(n)) + `"` }

// putRepository writes or deletes transparent data. If-Match names the sequence number that is written over, and
// If-None-Match: * allows only a creation; without either the data are written over whatever is there.
func (s *server) putRepository(w http.ResponseWriter, r *http.Request) {
	id, err := sh.ParseIdentity(r.PathValue("identity"))
	if err != nil {
		fail(w, &badRequest{err})
		return
	}
	var data sh.RawXML
	if r.Method == http.MethodPut {
		if data, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			fail(w, &badRequest{err})
			return
		}
		if data == nil {
			data = sh.RawXML{}
		}
	}
	d, err := s.write(r, id, data)
	if err != nil {
		fail(w, err)
		return
	}
	s.cache.Forget(id)
	switch {
	case data == nil:
		w.WriteHeader(http.StatusNoContent)
	case d.Sequence == 0:
		w.Header().Set("ETag", etag(0))
		w.WriteHeader(http.StatusCreated)
	default:
		w.Header().Set("ETag", etag(d.Sequence))
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *server) write(r *http.Request, id sh.Identity, data sh.RawXML) (sh.Repository, error) {
	service := r.PathValue("service")
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case match == "*" || strings.Contains(match, ","):
		// Any of several: what is there now decides, and the sequence number guards it until it is written.
		now, err := s.client.RepositoryData(r.Context(), id, service)
		if err != nil {
			return now, err
		}
		if now.Data == nil || match != "*" && !slices.Contains(strings.Split(strings.ReplaceAll(match, " ", ""), ","), etag(now.Sequence)) {
			return now, &sh.Error{Experimental: true, Code: sh.TransparentDataOutOfSync, Message: "If-Match"}
		}
		return s.client.PutRepositoryData(r.Context(), id, now, data)
	case match != "":
		n, err := strconv.ParseUint(strings.Trim(match, `"`), 10, 16)
		if err != nil {
			return sh.Repository{}, &badRequest{fmt.Errorf("If-Match %s is no sequence number", match)}
		}
		// The number stands for the data that the client saw; what they were does not matter here.
		seen := sh.Repository{Service: service, Sequence: uint16(n), Data: sh.RawXML{}}
		return s.client.PutRepositoryData(r.Context(), id, seen, data)
	case none == "*" && data != nil:
		return s.client.PutRepositoryData(r.Context(), id, sh.Repository{Service: service}, data)
	}
	return s.client.UpdateRepositoryData(r.Context(), id, service, func(sh.RawXML) (sh.RawXML, error) { return data, nil })
}

// events sends the data as they are and then each change, until the client leaves.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	keys, err := s.keysOf(r)
	if err != nil {
		fail(w, &badRequest{err})
		return
	}
	type change struct {
		ref  sh.Reference
		data *sh.Data
	}
	changes := make(chan change)
	ctx, cancel := context.WithCancel(r.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	first := make([]change, 0, len(keys))
	for _, k := range keys {
		if _, err := s.cache.Get(ctx, k, s.cfg.Policy); err != nil {
			fail(w, err)
			return
		}
		watch, stop := s.cache.Watch(k)
		defer stop()
		v, err := s.cache.Get(ctx, k, s.cfg.Policy) // with what changed before the watch began
		if err != nil {
			fail(w, err)
			return
		}
		first = append(first, change{k.Ref, v.Data})
		wg.Go(func() { // ends with the request
			for {
				select {
				case d := <-watch:
					select {
					case changes <- change{k.Ref, d}:
					case <-ctx.Done():
						return
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	// The deadline of the server is for answers that end; a client that reads nothing has this one.
	deadline := func() { _ = out.SetWriteDeadline(time.Now().Add(2 * keepalive)) }
	deadline()
	for _, c := range first {
		event(w, c.ref, c.data, asXML(r))
	}
	tick := time.NewTicker(keepalive)
	defer tick.Stop()
	for out.Flush() == nil {
		select {
		case c := <-changes:
			deadline()
			event(w, c.ref, c.data, asXML(r))
		case <-tick.C:
			deadline()
			fmt.Fprint(w, ":\n\n")
		case <-ctx.Done():
			return
		}
	}
}

func event(w io.Writer, ref sh.Reference, d *sh.Data, xml bool) {
	form := d.MarshalJSON
	if xml {
		form = d.XML
	}
	b, err := form()
	if err == nil {
		// A line of data has no line break in it (HTML 9.2.5).
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", ref, strings.ReplaceAll(string(b), "\n", "\ndata: "))
	}
}

// badRequest is a mistake of the client.
type badRequest struct{ error }

// fail answers an error with the status that tells its kind.
func fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), statusOf(err))
}

func statusOf(err error) int {
	if _, ok := errors.AsType[*badRequest](err); ok {
		return http.StatusBadRequest
	}
	if e, ok := errors.AsType[*sh.Error](err); ok {
		switch {
		case e.UserUnknown():
			return http.StatusNotFound
		case e.Code == sh.TransparentDataOutOfSync:
			return http.StatusPreconditionFailed
		case e.Experimental && e.Code == sh.TooMuchData:
			return http.StatusRequestEntityTooLarge
		case e.Code == sh.UserDataCannotBeRead, e.Code == sh.UserDataCannotBeModified, e.Code == sh.UserDataCannotBeNotified:
			return http.StatusForbidden
		case e.Action() == sh.ActionBug:
			return http.StatusBadRequest
		}
		return http.StatusBadGateway
	}
	if errors.Is(err, diameter.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return http.StatusGatewayTimeout
	}
	if errors.Is(err, diameter.ErrNoPeer) || errors.Is(err, diameter.ErrOverload) {
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway
}
