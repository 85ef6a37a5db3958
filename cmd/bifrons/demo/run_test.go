package demo

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	QuietLibraries(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// direct is no server at all: Alice's phone calls Bob's.
type direct struct{ bob netip.AddrPort }

func (d direct) Addresses() (caller, callee netip.AddrPort) { return d.bob, d.bob }
func (d direct) Close() error                               { return nil }

func startDirect(_ context.Context, bob netip.AddrPort) (Server, error) { return direct{bob}, nil }

func quick() Options {
	o := DefaultOptions()
	o.Ring, o.Talk, o.Hold = 100*time.Millisecond, 500*time.Millisecond, 300*time.Millisecond
	return o
}

// A call with nothing in between works, and must be reported as leaking.
func TestRunDirectIsReportedAsLeaking(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Run(t.Context(), &out, startDirect, quick())
	t.Log("\n" + out.String())
	if err == nil {
		t.Fatal("a direct call passed as hidden")
	}
	for _, want := range []string{
		"Bob's phone saw of Alice's: Call-ID, From tag, Via address, Via branch, Contact, User-Agent, SDP o=, SDP c=, media port, RTP from, RTP SSRC",
		"Alice's phone saw of Bob's: Call-ID, To tag, Contact, Server, SDP o=, media port, RTP from, RTP SSRC",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in: %v", want, err)
		}
	}
	for _, unwanted := range []string{"hears", "silent", "lost", "phone of"} {
		if strings.Contains(err.Error(), unwanted) {
			t.Errorf("the call itself was not right: %v", err)
		}
	}
}

// Behind a server that hides all, the show is true, down to the last line.
func TestRunBehindAMask(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Run(t.Context(), &out, startMask(func(*mask) {}), quick()); err != nil {
		t.Errorf("not true: %v", err)
	}
	t.Log("\n" + out.String())
	text := out.String()
	for _, want := range []string{
		"Alice's phone gets 180 Ringing", "Bob hears 440 Hz", "Alice hears 880 Hz", "sendonly", "recvonly",
		"sip:alice@home.example", "on purpose", "none found", "Bob to Alice", "Proved:", "configs/minimal.yaml",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the show does not say %q", want)
		}
	}
	for _, unwanted := range []string{"SAME", "MISSING", "FOUND", "wrong:", "\x1b"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the show says %q", unwanted)
		}
	}
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 104 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// Each thing that is not as it should be makes an error that names it.
func TestRunTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*mask)
		want   string
	}{
		"a header crosses":      {func(m *mask) { m.keep = "User-Agent" }, "Bob's phone saw of Alice's: User-Agent"},
		"no audio":              {func(m *mask) { m.mute = true }, "Bob hears nothing"},
		"a call is left over":   {func(m *mask) { m.calls = 1 }, "1 calls are left over in the server"},
		"nobody is at that end": {func(m *mask) { m.legs[1].phone = local(m.legs[1].rtp) }, "Alice: call bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := quick()
			if strings.HasPrefix(name, "nobody") {
				opts.Limit = time.Second
			}
			var out bytes.Buffer
			err := Run(t.Context(), &out, startMask(test.change), opts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if !strings.Contains(out.String(), "Not proved") {
				t.Error("the show claims to have proved something")
			}
		})
	}
}
