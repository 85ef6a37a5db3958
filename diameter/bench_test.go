package diameter

import (
	"sync"
	"testing"

	"github.com/bifrons/bifrons/diameter/dict"
)

// BenchmarkRequests measures a request and its answer, client and server in one process, with 64 outstanding.
func BenchmarkRequests(b *testing.B) {
	_, addr := server(b, "hss.ims.example", Handlers{udr: named})
	as := client(b, PeerConfig{Address: addr})
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range 64 {
		n := b.N / 64
		if i < b.N%64 {
			n++
		}
		wg.Go(func() {
			for range n {
				m := as.NewRequest(dict.Sh, dict.UserDataCommand, Route{Realm: realm})
				if _, err := as.Do(b.Context(), m); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
