package test

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tortured is a row of docs/torture.md: what the server answers to a message over UDP, and over TCP where that differs.
type tortured struct{ file, udp, tcp string }

// tortureTable reads the page; its rows are | section | [file] name | what the RFC says | UDP | TCP | why |.
func tortureTable(t *testing.T) (rows []tortured) {
	t.Helper()
	page, err := os.ReadFile("../docs/torture.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(page), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || !strings.HasPrefix(line, "| ") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if name := strings.Trim(cells[2], "`"); name != "message" {
			row := tortured{name, cells[4], cells[5]}
			if row.tcp == "" {
				row.tcp = row.udp
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// tortureFiles finds the messages of RFC 4475 where sipgo ships them, and those of RFC 5118 here, by name.
func tortureFiles(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		t.Fatalf("the module github.com/emiago/sipgo is not there (go mod download): %v", err)
	}
	files := map[string]string{}
	for _, pattern := range []string{filepath.Join(strings.TrimSpace(string(out)), "sip", "testdata", "torture", "*", "*.dat"), "testdata/rfc5118/*.dat"} {
		all, _ := filepath.Glob(pattern)
		for _, f := range all {
			files[strings.TrimSuffix(filepath.Base(f), ".dat")] = f
		}
	}
	return files
}

// TestTorture sends every message of RFC 4475 and RFC 5118 to a running server, over UDP and over TCP, as a stranger would. What
// comes back is what docs/torture.md says; then the server still makes calls.
func TestTorture(t *testing.T) {
	t.Parallel()
	files, rows := tortureFiles(t), tortureTable(t)
	if len(files) != 50+11 || len(rows) != len(files) {
		t.Fatalf("%d files and %d rows; RFC 4475 has 49 messages, there is one more, and RFC 5118 has 11", len(files), len(rows))
	}
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(o *settings) { o.T1, o.Anchor = 50*time.Millisecond, false })
			callee := newUA(t, s.caller(), s.core(), "hidden")
			callee.always("INVITE", "486 Busy Here")
			for _, row := range rows {
				text, err := os.ReadFile(files[row.file])
				if err != nil {
					t.Errorf("%s: %v", row.file, err)
					continue
				}
				if row.file == "baddn" { // the file lacks the empty line it has in the RFC
					text = append(text, "\r\n"...)
				}
				want := row.udp
				if network == "tcp" {
					want = row.tcp
				}
				if got := torture(t, s, network, text); got != want {
					t.Errorf("%s is answered with %s, want %s", row.file, got, want)
				}
			}
			caller := newUA(t, s.callee(), s.carrier(), "secret")
			caller.answer(caller.dialogTo("bob").send("OPTIONS", ""), 200)
			eventually(t, 10*time.Second, "no call is left", func() bool { return s.calls() == 0 })
		})
	}
}

// torture sends a message from a socket of its own and returns the final status that comes back, accepted if that is the other
// party's; dropped if nothing comes before the answer to a request sent after it, closed if the connection ends first.
func torture(t *testing.T, s *server, network string, text []byte) string {
	t.Helper()
	local := map[string]net.Addr{"udp": &net.UDPAddr{IP: net.ParseIP(s.ip(12))}, "tcp": &net.TCPAddr{IP: net.ParseIP(s.ip(12))}}[network]
	c, err := (&net.Dialer{LocalAddr: local}).Dial(network, s.carrier())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write(text); err != nil {
		t.Fatal(err)
	}
	// An INVITE that is passed on has its answer after that of the probe.
	id := unique("probe-")
	probe := "OPTIONS sip:" + s.carrier() + " SIP/2.0\r\nVia: SIP/2.0/" + strings.ToUpper(network) + " " + c.LocalAddr().String() + ";branch=z9hG4bK" + id +
		"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: " + id + "\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	if _, err := io.WriteString(c, probe); err != nil && network == "udp" {
		t.Fatal(err)
	}
	var heard bytes.Buffer
	ended := false
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf)
		heard.Write(buf[:n])
		first, probed, trying := "", false, bytes.Contains(heard.Bytes(), []byte("SIP/2.0 100 "))
		for m := range strings.SplitSeq(heard.String(), "SIP/2.0 ") {
			code, _ := strconv.Atoi(m[:min(3, len(m))])
			switch {
			case !strings.Contains(m, "\r\n\r\n") || code < 200:
			case strings.Contains(m, "Call-ID: "+id+"\r\n"):
				probed = true
			case first == "":
				first = strconv.Itoa(code)
			}
		}
		switch {
		case first == "486" && trying:
			return "accepted"
		case first != "":
			return first
		case err == io.EOF:
			return "closed"
		case err != nil && network == "tcp" && !ended: // the server waits for more: there is none
			ended = true
			_ = c.(*net.TCPConn).CloseWrite()
			_ = c.SetDeadline(time.Now().Add(patience))
		case err != nil:
			return "no answer to a request that came after it"
		case probed && !trying:
			return "dropped"
		}
	}
}
