package b2buatest

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
)

// Media is a relay without sockets that remembers what it was told.
type Media struct {
	Remotes map[media.PortID]media.Remote
	Joined  map[media.PortID]media.PortID
	Tones   []Sounded // in order
	Playing map[media.PortID]media.Play
	Writing map[media.PortID]media.Record
	Paused  map[media.PortID]bool
	Rooms   map[media.PortID]media.RoomID
	InBand  map[media.PortID]bool
	Full    bool                      // no port is free but those that restored calls had
	Spoken  map[netip.AddrPort]uint64 // packets of the parties, by where they are sent from

	t     testing.TB
	next  uint16
	last  media.PortID
	ports map[media.PortID]netip.AddrPort
	calls map[media.PortID]uint64
}

// Sounded is a key that was to sound for the party at an address.
type Sounded struct {
	media.Tone
	For netip.AddrPort
}

// NewMedia makes an empty relay.
func NewMedia(t testing.TB) *Media {
	return &Media{Remotes: map[media.PortID]media.Remote{}, Joined: map[media.PortID]media.PortID{},
		Spoken: map[netip.AddrPort]uint64{}, t: t, next: 20000,
		Playing: map[media.PortID]media.Play{}, Writing: map[media.PortID]media.Record{}, Paused: map[media.PortID]bool{},
		Rooms: map[media.PortID]media.RoomID{}, InBand: map[media.PortID]bool{},
		ports: map[media.PortID]netip.AddrPort{}, calls: map[media.PortID]uint64{}}
}

// Open takes a pair of ports: the next ones, or those wanted.
func (m *Media) Open(place media.Place) (media.Port, error) {
	local, want := place.Local, place.Number
	if m.Full && want == 0 {
		return media.Port{}, media.ErrNoPorts
	}
	at := want
	if at == 0 {
		for at = m.next; m.taken(local, at); at += 2 {
		}
		m.next = at + 2
	} else if m.taken(local, at) {
		return media.Port{}, fmt.Errorf("port %d is taken", at)
	}
	m.last++
	m.calls[m.last] = place.Call
	m.ports[m.last] = netip.AddrPortFrom(local, at)
	return media.Port{ID: m.last, Local: m.ports[m.last]}, nil
}

func (m *Media) taken(local netip.Addr, port uint16) bool {
	for _, p := range m.ports {
		if p == netip.AddrPortFrom(local, port) {
			return true
		}
	}
	return false
}

// Do obeys a command at once.
func (m *Media) Do(c media.Command) {
	switch c := c.(type) {
	case media.Remote:
		if _, ok := m.ports[c.Port]; !ok {
			m.t.Errorf("command for a port that is not open: %+v", c)
		}
		m.Remotes[c.Port] = c
	case media.Join:
		m.part(c.A)
		m.part(c.B)
		m.Joined[c.A], m.Joined[c.B] = c.B, c.A
	case media.Tone:
		m.Tones = append(m.Tones, Sounded{c, m.Remotes[c.Port].RTP})
	case media.Part:
		delete(m.Joined, c.A)
		delete(m.Joined, c.B)
	case media.Play:
		m.Playing[c.Port] = c
	case media.Stop:
		if m.Playing[c.Port].ID == c.ID {
			delete(m.Playing, c.Port)
		}
	case media.Record:
		m.Writing[c.Port], m.Paused[c.Port] = c, false
	case media.Pause:
		m.Paused[c.Port] = c.On
	case media.StopRecord: // its end comes when the script says so
	case media.Listen:
		m.InBand[c.Port] = c.InBand
	case media.Enter:
		m.Rooms[c.Port] = c.Room
	case media.Leave:
		delete(m.Rooms, c.Port)
	default:
		m.t.Errorf("unknown command %T", c)
	}
}

// Speaks tells which formats the relay can speak: all that Go has a codec for, and AMR at octet boundaries; in mode 0 alone nothing can
// be encoded.
func (m *Media) Speaks(f codec.Format) error {
	switch o, err := f.AMR(); {
	case !f.IsAMR():
		return f.Check()
	case err != nil || !o.Octet:
		return codec.ErrUnknown
	case o.Modes == 1:
		return codec.ErrPartly
	}
	return nil
}

// portOf returns the port of the party at an address.
func (m *Media) portOf(a netip.Addr) (media.PortID, bool) {
	for id, r := range m.Remotes {
		if r.RTP.Addr() == a {
			return id, true
		}
	}
	return 0, false
}

// Close gives a port back.
func (m *Media) Close(id media.PortID) media.Stats {
	if _, ok := m.ports[id]; !ok {
		m.t.Errorf("port %d closed twice", id)
	}
	delete(m.ports, id)
	delete(m.Remotes, id)
	m.part(id)
	delete(m.Playing, id)
	delete(m.Writing, id)
	delete(m.Rooms, id)
	return media.Stats{}
}

// part ends the link of a port.
func (m *Media) part(id media.PortID) {
	if b, ok := m.Joined[id]; ok {
		delete(m.Joined, b)
		delete(m.Joined, id)
	}
}

// Stats tells how many packets have come from a port's party.
func (m *Media) Stats(id media.PortID) media.Stats {
	return media.Stats{Received: media.Flow{Packets: m.Spoken[m.Remotes[id].RTP]}}
}

// Count returns how many ports are open.
func (m *Media) Count() int { return len(m.ports) }

// Paths tells who hears whom: for each open port that is joined, the party's address and, behind it, where its speech goes.
func (m *Media) Paths() map[netip.AddrPort]netip.AddrPort {
	out := map[netip.AddrPort]netip.AddrPort{}
	for a, b := range m.Joined {
		ra, rb := m.Remotes[a], m.Remotes[b]
		if ra.RTP.IsValid() && rb.RTP.IsValid() && ra.Receive && rb.Send {
			out[ra.RTP] = rb.RTP
		}
	}
	return out
}
