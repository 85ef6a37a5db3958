package test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestBuiltIn: SIPp as it comes, with the scenarios uac and uas that are built into it, over UDP and TCP, IPv4 and IPv6. Of its others
// branchc registers, 3pcc needs two servers, uac_pcap plays a file, and regexp fails a call whose description has o=- in place of a
// name, as ours has.
func TestBuiltIn(t *testing.T) {
	t.Parallel()
	need(t, "sipp")
	for _, network := range []string{"udp", "tcp"} {
		for _, six := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, IPv6 %v", network, six), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				at := func(last int) string { return n.addr(last, 5060) }
				if six { // there is one loopback address: ports tell them apart
					if c, err := net.Listen("tcp6", "[::1]:0"); err != nil {
						t.Skip("there is no IPv6 here")
					} else {
						c.Close()
					}
					at = func(last int) string { return fmt.Sprintf("[::1]:%d", 13000+20*n.n+last) }
				}
				dir := t.TempDir()
				config := fmt.Sprintf("sides:\n  core: {listen: '%[1]s:%[2]s', trust: home}\n  carrier: {listen: '%[1]s:%[3]s', next_hop: 'sip:%[4]s;transport=%[1]s'}\nroutes: [{from: core, to: carrier}]\n"+
					"media: {ports: 20000-20999}\nadmin: {listen: '%[5]s'}\ncdr: {file: cdr.jsonl}\naudit: {mode: block}\n", network, at(1), at(2), at(12), n.admin())
				file := filepath.Join(dir, "bifrons.yaml")
				if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
					t.Fatal(err)
				}
				s := serve(t, built(t, checked), n, n.admin(), dir, file)
				const calls = 6
				uas := sippBuiltIn(t, "uas", at(12), network)
				uac := sippBuiltIn(t, "uac", at(11), network, "-m", fmt.Sprint(calls), "-r", "20", "-d", "100", "-timeout", "30s", "-timeout_error", at(1))
				if err := uac.cmd.Wait(); err != nil {
					t.Errorf("%v\n%s", err, tail(uac.out.String(), 40))
				}
				s.ended(slices.Repeat([]ending{hungUp}, calls)...)
				_ = uas.cmd.Process.Kill()
			})
		}
	}
}

// sippBuiltIn runs a scenario of SIPp's own at an address.
func sippBuiltIn(t *testing.T, scenario, addr, network string, args ...string) *builtIn {
	t.Helper()
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	r := &builtIn{}
	mode := map[string]string{"udp": "u1", "tcp": "t1"}[network]
	r.cmd = exec.CommandContext(ctx, "sipp", append([]string{"-sn", scenario, "-i", ip, "-p", port, "-mi", ip, "-t", mode, "-nostdin"}, args...)...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = t.TempDir(), &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if r.cmd.ProcessState == nil {
			r.cmd.Wait()
		}
	})
	if scenario == "uas" {
		eventually(t, patience, "SIPp listens at "+addr, func() bool {
			c, err := net.Listen(network, addr)
			if network == "udp" {
				p, e := net.ListenPacket(network, addr)
				if err = e; e == nil {
					p.Close()
				}
			} else if err == nil {
				c.Close()
			}
			return err != nil
		})
	}
	return r
}

// builtIn is a running SIPp.
type builtIn struct {
	cmd *exec.Cmd
	out bytes.Buffer
}
