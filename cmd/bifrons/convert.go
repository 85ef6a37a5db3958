package main

import (
	"net/netip"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// coreConfig turns a configuration into that of the call core, less sides, sinks and applications.
func coreConfig(cfg *configs.Config) b2bua.Config {
	c := b2bua.DefaultConfig()
	c.Timers = sip.Timers{T1: cfg.Timers.T1, T2: cfg.Timers.T2, T4: cfg.Timers.T4, NoAnswer: cfg.Timers.NoAnswer}
	c.MaxForwards = cfg.Calls.MaxForwards
	c.Calls, c.Overload = b2bua.Bound{Max: cfg.Calls.Max, Rate: cfg.Calls.Rate}, b2bua.Overload(cfg.Calls.Overload)
	c.Emergency, c.Priority = cfg.Calls.Emergency, cfg.Calls.Priority
	c.Anchor = cfg.Media.Anchor
	c.Audit = audits[cfg.Audit]
	for _, r := range cfg.Routes {
		c.Routes = append(c.Routes, b2bua.Route{From: r.From, User: r.Match.User, Host: r.Match.Host, Header: r.Match.Header.Name,
			Value: r.Match.Header.Value, To: r.To, NextHop: nextHop(r.NextHop), Rewrite: rewrite(&r.Rewrite), Bound: b2bua.Bound(r.Calls)})
	}
	return c
}

// handle gives applications the default handling that a configuration wants of them.
func handle(cfg *configs.Config, apps map[string]b2bua.Link) {
	for name, h := range cfg.IMS.DefaultHandling {
		link := apps[name]
		link.OnFailure = h
		apps[name] = link
	}
}

// coreSide turns a side into the call core's, less its addresses.
func coreSide(s *configs.Side) *b2bua.Side {
	side := &b2bua.Side{Name: s.Name, Domain: s.Domain, Trust: trusts[s.Trust], NextHop: nextHop(s.NextHop), Apps: s.Apps, In: b2bua.Bound(s.Calls.In), Out: b2bua.Bound(s.Calls.Out),
		UDPOnly: s.UDPOnly, MaxDatagram: s.Datagram, RefuseStrangers: s.Strangers == configs.Forbid, FollowRedirect: s.Redirect == configs.Follow, Transfer: transfers[s.Transfer], Media: s.Media.Address, MediaAdvertise: s.Media.Advertise,
		MediaLatch: latches[s.Media.Latch], MediaDSCP: uint8(s.Media.DSCP), Keys: ways[s.Media.DTMF], Codecs: s.Media.Codecs,
		Liveness: coreLiveness(&s.Liveness), Health: b2bua.Health(s.Health)}
	if len(s.Apps) > 0 && s.Apps[0] == "ims" { // with the 2 s of a silent Route it stays below the 5 s of an S-CSCF
		side.FirstWord = 2500 * time.Millisecond
	}
	for _, t := range s.Targets {
		side.Targets = append(side.Targets, b2bua.Target{NextHop: nextHop(t.Hop), Priority: t.Priority, Weight: t.Weight})
	}
	return side
}

var latches = map[configs.Latch]media.Latch{configs.Relatch: media.LatchAgain, configs.LatchOnce: media.LatchOnce, configs.Strict: media.LatchStrict}

var transfers = map[configs.Transfer]b2bua.TransferMode{configs.TransferAuto: b2bua.TransferAuto, configs.TransferTerminate: b2bua.TransferTerminate,
	configs.TransferPass: b2bua.TransferPass, configs.TransferReject: b2bua.TransferReject}

var ways = map[configs.DTMF]b2bua.Keys{configs.DTMFAuto: b2bua.KeysAuto, configs.DTMFPass: b2bua.KeysPass, configs.DTMFRTP: b2bua.KeysRTP,
	configs.DTMFInfo: b2bua.KeysInfo}

func coreLiveness(l *configs.Liveness) b2bua.Liveness {
	refresher, refresh := b2bua.PreferRemote, b2bua.ByUpdate
	if l.Session.Refresher == configs.PreferLocal {
		refresher = b2bua.PreferLocal
	}
	if l.Session.Method == configs.Invite {
		refresh = b2bua.ByInvite
	}
	return b2bua.Liveness{Every: l.Probe.Every, Timeout: l.Probe.Timeout, Strikes: l.Probe.Strikes,
		Expires: l.Session.Expires, MinExpires: l.Session.Min, Refresher: refresher, Refresh: refresh,
		Silence: l.Silence, HoldSilence: l.HoldSilence, MaxDuration: l.MaxDuration}
}

var audits = map[configs.Audit]leak.Mode{configs.AuditOff: leak.Off, configs.AuditCount: leak.Count, configs.AuditBlock: leak.Block}

var trusts = map[configs.Trust]b2bua.Trust{configs.Home: b2bua.Home, configs.Partner: b2bua.Partner, configs.Untrusted: b2bua.Untrusted}

func rewrite(r *configs.Rewrite) *b2bua.Rewrite {
	if r.IsZero() {
		return nil
	}
	return &b2bua.Rewrite{Callee: r.Callee, To: r.To, Caller: r.Caller, PAI: r.Identity, Form: r.Form}
}

// nextHop keeps the host as the configuration writes it, for it stands in Request-URIs.
func nextHop(h configs.Hop) b2bua.NextHop {
	switch {
	case h.IsZero():
		return b2bua.NextHop{}
	case h.Registered():
		return b2bua.NextHop{Registered: true}
	}
	if h.Name != "" {
		return b2bua.NextHop{Host: h.Name, Transport: transports[h.Network], Told: h.Told}
	}
	host := h.Addr.String()
	if u, err := sip.ParseURI([]byte(h.URI)); err == nil && u.Port == 0 {
		host = netip.AddrPort.Addr(h.Addr).String()
		if h.Addr.Addr().Is6() {
			host = "[" + host + "]"
		}
	}
	return b2bua.NextHop{Host: host, Addr: h.Addr, Transport: transports[h.Network]}
}

var transports = map[string]sip.Transport{"udp": sip.UDP, "tcp": sip.TCP, "tls": sip.TLS}
