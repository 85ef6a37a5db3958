package admin

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/b2bua/trace"
	"github.com/bifrons/bifrons/media"
)

// Trace is the answer of /v1/calls/{id}/trace: the call as it is now, or the record of its end, and its last messages.
type Trace struct {
	Call     *b2bua.Info `json:"call,omitempty"`
	Record   *cdr.Record `json:"record,omitempty"`
	Messages []Message   `json:"messages"`
}

// Message is one message of a trace. Hidden are the parts that no other party of the call was shown.
type Message struct {
	At        time.Time      `json:"at"`
	Leg       uint8          `json:"leg"`
	Side      string         `json:"side"`
	Sent      bool           `json:"sent"`
	Transport string         `json:"transport"`
	Local     netip.AddrPort `json:"local"`
	Remote    netip.AddrPort `json:"remote"`
	Data      []byte         `json:"data"` // base64
	Hidden    []trace.Span   `json:"hidden,omitempty"`
}

// calls serves what is about calls.
func calls(mux *http.ServeMux, core Calls) {
	mux.HandleFunc("GET /v1/calls", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"calls": core.Calls()})
	})
	mux.HandleFunc("GET /v1/calls/{id}", one(func(w http.ResponseWriter, _ *http.Request, id uint64) {
		if info, ok := core.Call(id); ok {
			answer(w, http.StatusOK, info)
			return
		}
		noCall(w, id)
	}))
	mux.HandleFunc("DELETE /v1/calls/{id}", one(func(w http.ResponseWriter, _ *http.Request, id uint64) {
		if !core.Hangup(id, "hung up by an operator") {
			noCall(w, id)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /v1/calls/{id}/trace", one(func(w http.ResponseWriter, r *http.Request, id uint64) {
		all := core.Trace(id)
		if len(all) == 0 {
			noCall(w, id)
			return
		}
		if r.URL.Query().Get("format") == "pcap" {
			speech, err := lookAt(r, core, id)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			var b bytes.Buffer
			if err := trace.WritePcap(&b, core.Trace(id), speech); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/vnd.tcpdump.pcap")
			w.Header().Set("Content-Disposition", "attachment; filename=call-"+strconv.FormatUint(id, 10)+".pcap")
			_, _ = w.Write(b.Bytes())
			return
		}
		answer(w, http.StatusOK, traceOf(core, id, all))
	}))
}

// longestLook is how long packets may be gathered for one answer.
const longestLook = 20 * time.Second

// lookAt gathers heads of RTP packets for as long as ?rtp= says.
func lookAt(r *http.Request, core Calls, id uint64) ([]media.Packet, error) {
	text := r.URL.Query().Get("rtp")
	if text == "" {
		return nil, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > longestLook {
		return nil, fmt.Errorf("rtp=%q: write how long to gather packets, such as 5s; %s at most", text, longestLook)
	}
	stop := core.Look(id)
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
	return stop(), nil
}

func traceOf(core Calls, id uint64, all []trace.Message) Trace {
	t := Trace{}
	if info, ok := core.Call(id); ok {
		t.Call = &info
	}
	for _, r := range core.Records() {
		if r.Call == id {
			t.Record = &r
			break
		}
	}
	hidden := trace.Hidden(all)
	for i, m := range all {
		t.Messages = append(t.Messages, Message{At: m.At, Leg: m.Leg, Side: m.Side, Sent: m.Sent, Transport: m.Transport.String(), Local: m.Local, Remote: m.Remote,
			Data: m.Data, Hidden: hidden[i]})
	}
	return t
}

// one reads the number of a call from the path.
func one(serve func(http.ResponseWriter, *http.Request, uint64)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
		if err != nil {
			http.Error(w, "a call has a number, as in /v1/calls; "+strconv.Quote(r.PathValue("id"))+" is none", http.StatusBadRequest)
			return
		}
		serve(w, r, id)
	}
}

func noCall(w http.ResponseWriter, id uint64) {
	http.Error(w, "there is no call "+strconv.FormatUint(id, 10)+", or nothing is known of it any more", http.StatusNotFound)
}
