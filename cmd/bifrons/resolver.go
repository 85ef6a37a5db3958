package main

import (
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/sip/locate"
)

// resolverConfig turns the section dns into that of a resolver.
func resolverConfig(d *configs.DNS) locate.Config {
	c := locate.DefaultConfig()
	c.Servers, c.Hosts, c.Timeout, c.Attempts = d.Servers, d.Hosts, d.Timeout, d.Attempts
	c.MinTTL, c.MaxTTL, c.NegativeTTL, c.Stale, c.Size = d.MinTTL, d.MaxTTL, d.NegativeTTL, d.Stale, d.Cache
	return c
}
