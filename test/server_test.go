package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// settings are what a test may change in the configuration of its server.
type settings struct {
	network
	Policy       string // of the pair core to carrier and of its reverse
	Anchor       bool
	Ports        string
	T1           time.Duration
	Drain        time.Duration // how long running calls may go on after SIGTERM
	Max          int           // calls at once; 0: no limit
	Targets      string        // next hops of the side carrier, instead of the callee
	Side         string        // more settings of both sides, each with a comma before it
	Route        string        // and of the route from core to carrier
	CoreMedia    string        // more settings of the media of side core,
	CarrierMedia string        // and of side carrier
	Media        string        // and of all media, each with a comma before it
	Log          string        // level
	Users        string        // sections of subscriber data
	CDR          string        // where records go, instead of cdr.jsonl
	build        func() (string, error)
}

// CoreIP and the others are read by the template.
func (s settings) CoreIP() string    { return s.ip(1) }
func (s settings) CarrierIP() string { return s.ip(2) }
func (s settings) Caller() string    { return s.caller() }
func (s settings) Callee() string    { return s.callee() }
func (s settings) Admin() string     { return s.admin() }

// configuration refuses no call because the machine is slow; what overload does has tests of its own.
var configuration = template.Must(template.New("config").Parse(`sides:
  core: {listen: ['udp:{{.CoreIP}}:5060', 'tcp:{{.CoreIP}}:5060'], domain: ims.example.org, trust: home, next_hop: 'sip:{{.Caller}}', media: {address: {{.CoreIP}}{{with .CoreMedia}}, {{.}}{{end}}}{{.Side}}}
  carrier: {listen: ['udp:{{.CarrierIP}}:5060', 'tcp:{{.CarrierIP}}:5060'], domain: carrier.example.net, trust: untrusted, next_hop: {{if .Targets}}{{.Targets}}{{else}}'sip:{{.Callee}}'{{end}}, media: {{if .CarrierMedia}}{ {{.CarrierMedia}} }{{else}}{address: {{.CarrierIP}}}{{end}}{{.Side}}}
routes:
  - {from: core, to: carrier{{.Route}}}
  - {from: carrier, to: core}
policies:
  - {from: core, to: carrier, policy: {{.Policy}}}
  - {from: carrier, to: core, policy: {{.Policy}}}
media: {anchor: {{.Anchor}}, ports: {{.Ports}}, quarantine: 100ms{{.Media}}}
timers: {t1: {{.T1}}}
calls: {drain: {{.Drain}}, overload: {target: 0s}, max: {{.Max}}}
admin: {listen: '{{.Admin}}'}
cdr: {{with .CDR}}{{.}}{{else}}{file: cdr.jsonl}{{end}}
audit: {mode: block}
log: {level: {{.Log}}, format: text}
{{.Users}}`))

// server is a running bifrons.
type server struct {
	network
	t       *testing.T
	api     string // its admin address
	dir     string
	cmd     *exec.Cmd
	log     *output
	done    chan struct{} // closed when the process has ended
	stopped bool
	base    counts // right after the start
}

// counts are what a server has in use.
type counts struct{ goroutines, files int }

// output collects what a process writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a server with two sides, changed by change, and stops it at the end of the test.
func start(t *testing.T, change ...func(*settings)) *server {
	t.Helper()
	set := settings{network: newNetwork(t), Policy: "untrusted", Anchor: true, Ports: "20000-20999", T1: 500 * time.Millisecond, Drain: 2 * time.Second, Log: "debug", build: checked}
	for _, f := range change {
		f(&set)
	}
	path := built(t, set.build)
	dir := t.TempDir()
	var text bytes.Buffer
	if err := configuration.Execute(&text, set); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bifrons.yaml")
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return serve(t, path, set.network, set.admin(), dir, file)
}

// again starts another server after one that has died, on its files.
func (s *server) again() *server {
	s.t.Helper()
	s.stopped = true // it is gone
	return serve(s.t, s.cmd.Path, s.network, s.api, s.dir, filepath.Join(s.dir, "bifrons.yaml"))
}

// serve runs the binary on a file of configuration and waits until it is ready.
func serve(t *testing.T, path string, n network, api, dir, file string) *server {
	t.Helper()
	s := &server{network: n, t: t, api: api, dir: dir, log: &output{}, done: make(chan struct{})}
	s.cmd = exec.Command(path, "serve", "-c", file)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process, which stop ends
		s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		s.stop(15 * time.Second)
		if t.Failed() {
			t.Logf("bifrons wrote:\n%s", tail(s.log.String(), 60))
		}
	})
	eventually(t, 15*time.Second, "healthz answers", func() bool {
		select {
		case <-s.done:
			t.Fatalf("bifrons did not start: %v\n%s", s.cmd.ProcessState, s.log)
		default:
		}
		_, err := s.get("/healthz")
		return err == nil
	})
	s.base = s.counts()
	return s
}

// stop ends the server by SIGTERM, waits at most d, and checks how it ended.
func (s *server) stop(d time.Duration) {
	s.t.Helper()
	if s.stopped {
		return
	}
	s.stopped = true
	s.signal()
	select {
	case <-s.done:
	case <-time.After(d):
		s.cmd.Process.Kill()
		<-s.done
		s.t.Errorf("bifrons did not end within %v after SIGTERM", d)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("bifrons ended with status %d, want 0", code)
	}
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(s.log.String(), bad) {
			s.t.Errorf("bifrons wrote %q:\n%s", bad, tail(s.log.String(), 200))
		}
	}
}

func (s *server) signal() { s.cmd.Process.Signal(syscall.SIGTERM) }

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// get reads a page of the admin address.
func (s *server) get(path string) (string, error) {
	c := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + s.api + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, r.Status, b)
	}
	return string(b), err
}

// calls counts the calls that /v1/calls lists.
func (s *server) calls() int {
	s.t.Helper()
	text, err := s.get("/v1/calls")
	if err != nil {
		s.t.Fatal(err)
	}
	var page struct {
		Calls []json.RawMessage `json:"calls"`
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		s.t.Fatalf("/v1/calls: %v\n%s", err, text)
	}
	return len(page.Calls)
}

// metric reads one sample of /metrics by its full name, labels included.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	text, err := s.get("/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				s.t.Fatalf("/metrics: %q: %v", line, err)
			}
			return f
		}
	}
	s.t.Fatalf("/metrics has no %s", name)
	return 0
}

// counts reads the goroutines and the open files of the server.
func (s *server) counts() counts {
	s.t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return counts{int(s.metric("go_goroutines")), len(files)}
}

// idle waits until no call is left.
func (s *server) idle() {
	s.t.Helper()
	eventually(s.t, 5*time.Second, "no call is left", func() bool { return s.calls() == 0 })
}

// record is a line of the call detail records.
type record struct {
	Record                      string
	From, To                    string
	Start, Ringing, Answer, End time.Time
	Status                      int
	By, Cause, Evidence, ICID   string
	Legs                        []struct {
		Side, CallID string
		Media        []ear
	}
}

// ending is how a call ended, as its record has it.
type ending struct {
	status int
	by     string // caller, callee, bifrons
}

var hungUp = ending{200, "caller"}

// ended waits until no call is left and checks that exactly these have been recorded, in this order.
func (s *server) ended(want ...ending) []record {
	s.t.Helper()
	s.idle()
	list := s.records(len(want))
	for i, r := range list {
		if got := (ending{r.Status, r.By}); got != want[i] {
			s.t.Errorf("call %d ended with %v (%s), want %v", i, got, r.Cause, want[i])
		}
		if r.Cause == "" || r.Start.IsZero() || r.End.Before(r.Start) || r.Status == 200 && r.Answer.IsZero() {
			s.t.Errorf("record %d is not whole: %+v", i, r)
		}
	}
	return list
}

// records waits until the ends of n calls have been written down and returns them.
func (s *server) records(n int) []record {
	s.t.Helper()
	var list []record
	eventually(s.t, 5*time.Second, fmt.Sprintf("%d call detail records", n), func() bool {
		list = nil
		f, err := os.Open(filepath.Join(s.dir, "cdr.jsonl"))
		if err != nil {
			return false
		}
		defer f.Close()
		for in := bufio.NewScanner(f); in.Scan(); {
			var r record
			if err := json.Unmarshal(in.Bytes(), &r); err != nil {
				return false // a line that is being written
			}
			if r.Record != "start" {
				list = append(list, r)
			}
		}
		return len(list) >= n
	})
	if len(list) != n {
		s.t.Fatalf("%d call detail records, want %d: %+v", len(list), n, list)
	}
	return list
}
