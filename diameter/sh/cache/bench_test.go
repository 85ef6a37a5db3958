package cache

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/hss"
	"github.com/bifrons/bifrons/diameter/sh"
)

const (
	simulatorEnv = "BIFRONS_TEST_SIMULATOR"
	benchUsers   = 20000
)

func benchUser(i int) sh.Identity { return sh.Public(fmt.Sprintf("sip:u%d@ims.example", i)) }

// simulate runs a simulator, tells its address and ends with standard input.
func simulate() error {
	cfg := hss.DefaultConfig()
	cfg.Listen, cfg.HTTP = "127.0.0.1:0", ""
	for i := range benchUsers {
		cfg.Subscribers = append(cfg.Subscribers, &hss.Subscriber{
			Public: []hss.PublicIdentity{{ID: benchUser(i).Public}}, MSISDN: []string{fmt.Sprint(15550000000 + i)},
		})
	}
	s, err := hss.New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return err
	}
	fmt.Println(s.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	s.Close(context.Background())
	return err
}

func cpu(b *testing.B, who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// startSimulator starts one in a process of its own; stop ends it.
func startSimulator(b *testing.B) (address string, stop func()) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), simulatorEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	address, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(address), func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkMiss measures a look-up that goes to the HSS, 64 at a time; cpu-ns/op is our side of it alone.
func BenchmarkMiss(b *testing.B) {
	address, stop := startSimulator(b)
	defer stop()
	d := diameter.DefaultConfig()
	d.OriginHost, d.OriginRealm = "as.ims.example", "ims.example"
	d.Peers = []diameter.PeerConfig{{Address: address}}
	e, err := diameter.New(d, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	e.Start()
	defer e.Close(context.Background(), diameter.Rebooting)
	c := newCache(b, sh.NewClient(e, diameter.Route{Realm: "ims.example"}), nil)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Ready(ctx, dict.Sh, diameter.Route{Realm: "ims.example"}); err != nil {
		b.Fatal(err)
	}
	keys := make([]Key, b.N) // made before: they are the test's work
	for i := range keys {
		// MSISDN cannot be subscribed to, so this is one UDR; the tag makes a new key of an old user.
		keys[i] = Key{Identity: benchUser(i % benchUsers), Ref: sh.RefMSISDN, Tag: fmt.Sprint(i / benchUsers)}
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b, syscall.RUSAGE_SELF)
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < b.N; i += 64 {
				if _, err := c.Get(b.Context(), keys[i], Reject()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu(b, syscall.RUSAGE_SELF)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
