package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"syscall"
)

// options are the command line.
type options struct {
	streams, pps, payload int
	secs                  float64
	ip, relayIP           string
	aBase, bBase          int
	rtpengine             string
	sip, sipUAC, sipUAS   string
	pid, name, jsonOut    string
	part                  string
}

func main() {
	var o options
	flag.IntVar(&o.streams, "streams", 100, "bidirectional streams")
	flag.Float64Var(&o.secs, "secs", 10, "seconds of traffic")
	flag.IntVar(&o.pps, "pps", 50, "packets per second, each way")
	flag.IntVar(&o.payload, "payload", 160, "RTP payload bytes")
	flag.StringVar(&o.ip, "ip", "127.0.0.1", "address of the ends")
	flag.StringVar(&o.relayIP, "relay-ip", "127.0.0.1", "address of the relay")
	flag.IntVar(&o.aBase, "a-base", 10000, "first port of the ends A")
	flag.IntVar(&o.bBase, "b-base", 20000, "first port of the ends B")
	flag.StringVar(&o.rtpengine, "rtpengine", "", "ng control address of rtpengine")
	flag.StringVar(&o.sip, "sip", "", "address of a back-to-back user agent: the calls are set up through it")
	flag.StringVar(&o.sipUAC, "sip-uac", "127.0.0.1:5081", "our caller's address")
	flag.StringVar(&o.sipUAS, "sip-uas", "127.0.0.1:5090", "our callee's address: where the user agent sends its calls")
	flag.StringVar(&o.pid, "pid", "", "pids of the relay, with commas, for CPU")
	flag.StringVar(&o.name, "name", "relay", "name for the report")
	flag.StringVar(&o.part, "part", "rtp", "which measure this is, for the report")
	flag.StringVar(&o.jsonOut, "json", "", "append the result as a JSON line here")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "rtpblast:", err)
		os.Exit(1)
	}
}

// calls makes the calls whose media is measured.
type calls interface {
	// call makes call i and returns the relay's ports for A and for B.
	call(i int) ([2]int, error)
	hangUp()
}

func run(o options) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	var by calls
	var err error
	switch {
	case o.sip != "":
		by, err = newSIP(o)
	case o.rtpengine != "":
		by, err = newNG(o)
	default:
		return fmt.Errorf("one of -sip and -rtpengine is needed")
	}
	if err != nil {
		return err
	}
	defer by.hangUp()
	b := &blast{options: o}
	for i := range o.streams {
		ports, err := by.call(i)
		if err != nil {
			return err
		}
		for side, base := range []int{o.aBase, o.bBase} {
			if err := b.open(base+2*i, ports[side]); err != nil {
				return fmt.Errorf("open end %d of stream %d: %w", side, i, err)
			}
		}
	}
	r, err := b.run()
	if err != nil {
		return err
	}
	fmt.Printf("%-16s streams %5d sent %8d recv %8d lost %.4f%% | lat ms p50 %.2f p99 %.2f max %.2f | jitter ms p50 %.3f max %.3f | relay cpu %.2f (u %.2f s %.2f) = %.2f s/Mpkt | blast %.2f s wall %.2f\n",
		r.Name, r.Streams, r.Sent, r.Recv, r.LostPct, r.LatP50, r.LatP99, r.LatMax, r.JitterP50, r.JitterMax, r.User+r.System, r.User, r.System, r.PerMillion, r.Own, r.Wall)
	return save(o.jsonOut, r)
}

func save(file string, r result) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(f).Encode(r); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return f.Close()
}
