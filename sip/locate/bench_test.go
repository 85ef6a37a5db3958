package locate_test

import (
	"context"
	"testing"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
	"github.com/bifrons/bifrons/sip/locate/locatetest"
)

// BenchmarkCached is what a call pays for a name that is known: the question made of a URI, and its places.
func BenchmarkCached(b *testing.B) {
	s := locatetest.Start(b, zone)
	cfg := locate.DefaultConfig()
	cfg.Servers = append(cfg.Servers, s.Addr)
	r, err := locate.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for name, uri := range map[string]string{"name": "sip:full.example", "address": "sip:192.0.2.1:5060"} {
		b.Run(name, func(b *testing.B) {
			u, err := sip.ParseURI([]byte(uri))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := r.Find(context.Background(), locate.Ask(&u, sip.UDP, all4), 1); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var buf [8]locate.Place
			for n := uint64(0); b.Loop(); n++ {
				if _, ok, err := r.Cached(buf[:0], locate.Ask(&u, sip.UDP, all4), n); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
