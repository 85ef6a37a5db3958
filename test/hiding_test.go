package test

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// camera films what telephones send and receive, as a capture on the machine of the server would.
type camera struct {
	t  *testing.T
	mu sync.Mutex
	to bytes.Buffer
	w  *pcapgo.Writer
}

func newCamera(t *testing.T) *camera {
	c := &camera{t: t}
	c.w = pcapgo.NewWriter(&c.to)
	if err := c.w.WriteFileHeader(65535, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	return c
}

// film takes a datagram.
func (c *camera) film(from, to string, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	udp := &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}
	buf := gopacket.NewSerializeBuffer()
	err := udp.SetNetworkLayerForChecksum(ip)
	if err == nil {
		err = gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload(b))
	}
	if err == nil {
		err = c.w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Now(), CaptureLength: len(buf.Bytes()), Length: len(buf.Bytes())}, buf.Bytes())
	}
	if err != nil {
		c.t.Error(err)
	}
}

// develop writes the capture and has it judged.
func (c *camera) develop(args ...string) (string, error) {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "call.pcap")
	c.mu.Lock()
	err := os.WriteFile(path, c.to.Bytes(), 0o644)
	c.mu.Unlock()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := exec.Command(built(c.t, checked), append([]string{"audit", path}, args...)...).CombinedOutput()
	return string(out), err
}

// TestCaptureOfOurs: a call through Bifrons, with a hold, filmed on both sides, shows no leak.
func TestCaptureOfOurs(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	film := newCamera(t)
	caller.camera.Store(film)
	callee.camera.Store(film)
	c := s.connect(caller, callee)
	hold := c.a.send("INVITE", strings.ReplaceAll(sdp(s.media(s.caller()), 31000, 2), "a=sendrecv", "a=sendonly"))
	again := callee.request("INVITE")
	callee.reply(again, "200 OK", "", sdp(s.media(s.callee()), 32000, 2))
	c.a.accept(caller.answer(hold, 200))
	c.a.ack("")
	callee.request("ACK")
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
	out, err := film.develop("--side-a", s.media(s.caller()), "--side-b", s.media(s.callee()))
	if err != nil || !strings.Contains(out, "no leaks") || strings.Contains(out, " 0 SIP messages") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCaptureOfTopoh: the same code finds what Kamailio's topology hiding leaves in sight.
func TestCaptureOfTopoh(t *testing.T) {
	t.Parallel()
	need(t, "kamailio")
	n := newNetwork(t)
	text, err := os.ReadFile("bench/conf/kamailio-topoh.cfg")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "topoh.cfg")
	config := strings.NewReplacer("listen=udp:127.0.0.1:__PORT__", "listen=udp:"+n.core(), "127.0.0.8", n.ip(1), "__WORKERS__", "1", "__UAS__", n.callee()).Replace(string(text))
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	kamailio, log := exec.Command("kamailio", "-f", file, "-DD", "-m", "16", "-M", "4", "-Y", t.TempDir()), &output{}
	kamailio.Stdout, kamailio.Stderr = log, log
	kamailio.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := kamailio.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-kamailio.Process.Pid, syscall.SIGTERM)
		_ = kamailio.Wait()
		if t.Failed() {
			t.Logf("kamailio wrote:\n%s", log)
		}
	})
	eventually(t, 10*time.Second, "Kamailio listens", func() bool { return bound(t, n.core()) })
	film := newCamera(t)
	caller, callee := newUA(t, n.caller(), n.core(), "secret"), newUA(t, n.callee(), n.core(), "hidden")
	caller.camera.Store(film)
	callee.camera.Store(film)
	a := caller.dialogTo("bob")
	inv := a.send("INVITE", sdp(n.media(n.caller()), 31000, 1), "User-Agent: SecretPhone/1.0 (build 7)", "P-Charging-Vector: icid-value=secret-icid-1;orig-ioi=secret.example")
	got := callee.request("INVITE")
	callee.reply(got, "200 OK", unique("hidden-tag-"), sdp(n.media(n.callee()), 32000, 1))
	caller.answer(inv, 200)
	out, err := film.develop("--side-a", n.media(n.caller()), "--side-b", n.media(n.callee()))
	if err == nil {
		t.Error("no leak was found")
	}
	for _, want := range []string{"SecretPhone/1.0", "secret-icid-1", "sdp c=", "sdp o=", "secret-tag-", n.media(n.callee())} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing about %s in\n%s", want, out)
		}
	}
	t.Logf("what topoh leaves in sight:\n%s", out)
}
