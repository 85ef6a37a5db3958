package cache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
)

// TestWatch: who watches is told what was notified, what changed while nobody could notify, and what is only read.
func TestWatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(*Config)
		change func(c *Cache, f *fakeHSS)
		within time.Duration
	}{
		{"notified", nil, func(c *Cache, _ *fakeHSS) {
			state := sh.NotRegistered
			if err := c.Notify(&sh.PNR{Identity: aliceKey.Identity, Data: &sh.Data{IMS: &sh.IMSData{UserState: &state}}}); err != nil {
				t.Error(err)
			}
		}, 0},
		{"while the connection was gone", nil, func(c *Cache, f *fakeHSS) {
			f.set(func() { f.state = sh.NotRegistered })
			c.PeerChanged(diameter.PeerEvent{Host: "hss", Up: true})
		}, time.Second},
		{"no notifications", func(c *Config) { c.Subscribe = false }, func(_ *Cache, f *fakeHSS) {
			f.set(func() { f.state = sh.NotRegistered })
		}, DefaultConfig().TTL + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeHSS{state: sh.Registered}
				cache := newCache(t, f, c.config)
				defer cache.Close()
				look(t, cache, aliceKey, Reject())
				watch, stop := cache.Watch(aliceKey)
				defer stop()
				c.change(cache, f)
				time.Sleep(c.within)
				synctest.Wait()
				select {
				case d := <-watch:
					if *d.IMS.UserState != sh.NotRegistered {
						t.Errorf("told %v", *d.IMS.UserState)
					}
				default:
					t.Error("nothing was told")
				}
			})
		})
	}
}
