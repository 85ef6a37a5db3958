package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is what came of one rate.
type result struct {
	Name     string  `json:"name"`
	Offered  int     `json:"offered"`  // calls per second
	Answered float64 `json:"answered"` // per second
	Refused  float64 `json:"refused"`  // with 503, per second
	Lost     int     `json:"lost"`     // calls without a final answer
	P50      float64 `json:"p50_ms"`   // from INVITE to 200
	P99      float64 `json:"p99_ms"`
	Longest  float64 `json:"longest_ms"`
}

func main() {
	server := flag.String("server", "127.0.0.1:5060", "the server's address")
	caller := flag.String("caller", "127.0.0.1:5080", "where calls come from")
	callee := flag.String("callee", "127.0.0.1:5090", "where the server sends them")
	rates := flag.String("rates", "500,1000", "calls per second, one run each")
	secs := flag.Int("secs", 10, "length of a run; its first 3 seconds are not counted")
	hold := flag.Duration("hold", time.Second, "from the ACK to the BYE")
	name := flag.String("name", "", "stands in the results")
	file := flag.String("json", "", "file that a line of JSON per run is added to")
	flag.Parse()
	if err := run(*server, *caller, *callee, *rates, *secs, *hold, *name, *file); err != nil {
		fmt.Fprintln(os.Stderr, "surge:", err)
		os.Exit(1)
	}
}

func run(server, caller, callee, rates string, secs int, hold time.Duration, name, file string) error {
	a, err := listen(caller)
	if err != nil {
		return err
	}
	b, err := listen(callee)
	if err != nil {
		return err
	}
	to, err := net.ResolveUDPAddr("udp4", server)
	if err != nil {
		return err
	}
	go answer(b) // ends with the program
	s := &surge{conn: a, to: to, hold: hold}
	go s.read() // likewise
	fmt.Printf("%8s %9s %9s %6s %8s %8s %8s\n", "offered", "answered", "refused", "lost", "p50 ms", "p99 ms", "longest")
	for _, text := range strings.Split(rates, ",") {
		rate, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		r := s.offer(rate, secs)
		r.Name = name
		fmt.Printf("%8d %9.0f %9.0f %6d %8.2f %8.2f %8.2f\n", r.Offered, r.Answered, r.Refused, r.Lost, r.P50, r.P99, r.Longest)
		if err := record(file, r); err != nil {
			return err
		}
	}
	return nil
}

func listen(addr string) (*net.UDPConn, error) {
	at, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP("udp4", at)
	if err == nil {
		_ = c.SetReadBuffer(8 << 20)
	}
	return c, err
}

func record(file string, r result) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewEncoder(f).Encode(r)
}

// offer makes one run.
func (s *surge) offer(rate, secs int) result {
	const warm = 3
	s.begin(rate * (secs + 1))
	begun := time.Now()
	for sent := 0; ; time.Sleep(500 * time.Microsecond) {
		now := time.Since(begun)
		for due := int(now.Seconds() * float64(rate)); sent < due && sent < rate*secs; sent++ {
			s.invite()
		}
		s.hangUp()
		if now > time.Duration(secs)*time.Second+s.hold+2*time.Second {
			break
		}
	}
	r := result{Offered: rate}
	var took []time.Duration
	counted := float64(secs - warm)
	calls := s.end()
	for i := warm * rate; i < secs*rate; i++ {
		switch c := &calls[i]; {
		case c.answered > 0:
			took = append(took, c.answered)
		case c.refused:
			r.Refused += 1 / counted
		default:
			r.Lost++
		}
	}
	r.Answered = float64(len(took)) / counted
	slices.Sort(took)
	if n := len(took); n > 0 {
		ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		r.P50, r.P99, r.Longest = ms(took[n/2]), ms(took[n*99/100]), ms(took[n-1])
	}
	return r
}
