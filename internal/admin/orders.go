package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
)

// Moved says with which leg of which call a leg shall talk.
type Moved struct {
	Call uint64 `json:"call"`
	Leg  int    `json:"leg"`
}

// orders serves what changes calls: POST /v1/calls makes one, DELETE ends one or a leg of it, .../move brings two legs together. A
// body must be JSON by its Content-Type, so that no page of a browser can send one unasked.
func orders(mux *http.ServeMux, calls Calls) {
	mux.HandleFunc("POST /v1/calls", func(w http.ResponseWriter, r *http.Request) {
		var o b2bua.Origination
		if !body(w, r, &o) {
			return
		}
		id, err := calls.Originate(o)
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		answer(w, http.StatusCreated, map[string]uint64{"call": id})
	})
	mux.HandleFunc("DELETE /v1/calls/{id}/legs/{leg}", func(w http.ResponseWriter, r *http.Request) {
		call, leg, ok := legOf(r)
		done(w, ok && calls.HangUpLeg(call, leg), "no such leg, or it cannot be hung up now")
	})
	mux.HandleFunc("POST /v1/calls/{id}/legs/{leg}/move", func(w http.ResponseWriter, r *http.Request) {
		var to Moved
		if !body(w, r, &to) {
			return
		}
		call, leg, ok := legOf(r)
		done(w, ok && calls.Move(call, leg, to.Call, to.Leg), "no such legs, or they cannot be moved now")
	})
}

func legOf(r *http.Request) (call uint64, leg int, ok bool) {
	call, err1 := strconv.ParseUint(r.PathValue("id"), 10, 64)
	leg, err2 := strconv.Atoi(r.PathValue("leg"))
	return call, leg, err1 == nil && err2 == nil
}

func body(w http.ResponseWriter, r *http.Request, v any) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(kind) != "application/json" {
		answer(w, http.StatusUnsupportedMediaType, map[string]string{"error": "the Content-Type must be application/json"})
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return false
	}
	return true
}

func done(w http.ResponseWriter, ok bool, why string) {
	if !ok {
		answer(w, http.StatusConflict, map[string]string{"error": why})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
