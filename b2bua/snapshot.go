package b2bua

import (
	"fmt"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/bifrons/bifrons/media"
)

// Store takes the snapshots of calls. Its methods must not block; of several snapshots of a call the one with the highest
// number counts.
type Store interface {
	Put(call, number uint64, data []byte)
	Delete(call uint64)
}

// snapshotVersion is the format of a snapshot; another one is refused.
const snapshotVersion = 2

// encoder keeps times to the nanosecond; the library's default keeps seconds.
var encoder = func() cbor.EncMode {
	m, err := cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return m
}()

// decoder takes text as it came: a display name may be in any character set.
var decoder = func() cbor.DecMode {
	m, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return m
}()

// snapshot is a call's state with what is needed to put it into another clock.
type snapshot struct {
	Version int
	Number  uint64
	Wall    time.Time     // when it was taken,
	Now     time.Duration // which the node's clock called so
	State   *State
}

// publish puts a snapshot of the call into the store, from the first 18x on.
func (s *Server) publish(c *Call) {
	if s.cfg.Store == nil || c.Cause == nil && !c.Shown && c.Answer.IsZero() {
		return
	}
	data, err := c.snapshot()
	if err != nil {
		s.log.Error("snapshot failed", "call", c.ID, "err", err)
		return
	}
	s.cfg.Store.Put(c.ID, c.Number, data)
}

// snapshot encodes the state.
func (c *Call) snapshot() ([]byte, error) {
	c.Number++
	for i := range c.Data {
		if d := &c.Data[i]; d.Value != nil {
			raw, err := encoder.Marshal(d.Value)
			if err != nil {
				return nil, fmt.Errorf("app data of %s: %w", c.Chain[d.App].Name, err)
			}
			d.Raw = raw
		}
	}
	for _, l := range c.Legs {
		walks := make([]*Walk, 0, len(l.Queue)+1)
		if l.Hold != nil {
			walks = append(walks, &l.Hold.Walk)
		}
		for i := range l.Queue {
			walks = append(walks, &l.Queue[i])
		}
		for i := range l.Waits {
			walks = append(walks, &l.Waits[i])
		}
		for _, w := range walks {
			if err := w.encode(); err != nil {
				return nil, err
			}
		}
	}
	return encoder.Marshal(snapshot{Version: snapshotVersion, Number: c.Number, Wall: c.srv.cfg.Clock.Wall(), Now: c.srv.now(), State: &c.State})
}

// encode files the walking event under its name.
func (w *Walk) encode() (err error) {
	if w.Name = eventTypes.name(w.Event); w.Name == "" {
		return fmt.Errorf("event %T is in no table", w.Event)
	}
	w.Data, err = encoder.Marshal(w.Event)
	return err
}

func (w *Walk) decode() error {
	empty := eventTypes[w.Name]
	if empty == nil {
		return fmt.Errorf("event %q is in no table", w.Name)
	}
	p := empty()
	if err := decoder.Unmarshal(w.Data, p); err != nil {
		return err
	}
	w.Event = reflect.ValueOf(p).Elem().Interface()
	return nil
}

// Restore takes a call over from its snapshot. It is the call's first event here. With stale, the node that made it may
// have sent more than the snapshot knows: sequence numbers and description versions leave a gap.
func (s *Server) Restore(data []byte, stale bool) error {
	var sn snapshot
	if err := decoder.Unmarshal(data, &sn); err != nil {
		return fmt.Errorf("restore call: %w", err)
	}
	if sn.Version != snapshotVersion || sn.State == nil {
		return fmt.Errorf("restore call: snapshot has version %d, want %d", sn.Version, snapshotVersion)
	}
	c := &Call{srv: s, State: *sn.State}
	if err := c.resolve(); err != nil {
		return fmt.Errorf("restore call %d: %w", c.ID, err)
	}
	// A clock that is behind the other node's makes no deadline longer than it was.
	elapsed := max(s.cfg.Clock.Wall().Sub(sn.Wall), 0)
	c.shift(s.now()-sn.Now-elapsed, s.now())
	c.shareRounds()
	held := c.box.Enter(nil)
	if s.table.add(c) != addedNew {
		return fmt.Errorf("restore call %d: it is here already", c.ID)
	}
	s.table.move(c.Adopted, c)
	c.recount()
	if held {
		s.spawnRestored(c, stale)
	}
	return nil
}

func (s *Server) spawnRestored(c *Call, stale bool) {
	run := s.fence.join(nil)
	defer s.fence.leave(run)
	s.run(run, c, event{order: func(c *Call) { c.restored(stale) }})
}

// resolve turns names back into what they name.
func (c *Call) resolve() error {
	for _, l := range c.Legs {
		side := c.srv.sides[l.Side]
		if side == nil || int(l.Local) >= len(side.Locals) {
			return fmt.Errorf("no side %q with address %d here", l.Side, l.Local)
		}
		l.side, l.local = side, side.Locals[l.Local]
		for i := range l.Queue {
			if err := l.Queue[i].decode(); err != nil {
				return err
			}
		}
		for i := range l.Waits {
			if err := l.Waits[i].decode(); err != nil {
				return err
			}
		}
		if l.Hold != nil {
			if err := l.Hold.Walk.decode(); err != nil {
				return err
			}
		}
	}
	for _, a := range c.Chain {
		link, ok := c.srv.cfg.Apps[a.Name]
		if !ok {
			return fmt.Errorf("no application %q here", a.Name)
		}
		c.links = append(c.links, link)
	}
	return nil
}

// shift moves the deadlines into this node's clock. What was due long ago is spread over 5 s, so that a node that takes
// over many calls is not struck by all of them at once.
func (c *Call) shift(by, now time.Duration) {
	move := func(d *time.Duration) {
		if *d == 0 {
			return
		}
		if *d += by; *d < now-time.Second {
			*d = now + time.Duration(c.srv.random()%5000)*time.Millisecond
		}
		*d = max(*d, 1)
	}
	for _, l := range c.Legs {
		for _, t := range l.Txs {
			move(&t.Retry)
			move(&t.Expire)
			move(&t.Again)
		}
		if l.Hold != nil {
			move(&l.Hold.Until)
		}
		move(&l.AcceptBy)
		for i := range l.Proposals {
			move(&l.Proposals[i].After)
			move(&l.Proposals[i].Until)
		}
		for _, d := range l.Dialogs {
			if r := d.Rel; r != nil {
				move(&r.Retry)
				move(&r.Expire)
			}
		}
		if w := l.Life; w != nil {
			for _, d := range [...]*time.Duration{&w.Probe, &w.Retry, &w.Look, &w.Mute, &w.End} {
				move(d)
			}
			w.Looked = max(w.Looked+by, 0)
		}
		l.End.shift(by, move)
		if s := l.Session; s != nil {
			move(&s.Refresh)
			move(&s.Expire)
		}
	}
	for i := range c.Branches {
		move(&c.Branches[i].Until)
		if h := c.Branches[i].Hunt; h != nil {
			move(&h.Until)
		}
		if s := c.Branches[i].Seek; s != nil {
			move(&s.Until)
		}
	}
	for i := range c.Alarms {
		move(&c.Alarms[i].At)
	}
	if j := c.Joining; j != nil {
		move(&j.At)
		move(&j.Ends)
	}
	if c.Transfer != nil {
		move(&c.Transfer.Until)
	}
	if c.Sub != nil {
		move(&c.Sub.Until)
	}
}

// staleGap is by how much sequence numbers and versions jump when a snapshot may be old.
const staleGap = 64

// restored makes the state work here: ports are opened again, held events are offered again.
func (c *Call) restored(stale bool) {
	c.Stale = c.Stale || stale
	for _, l := range c.Legs {
		if stale {
			l.CSeq += staleGap
			l.Last += staleGap
			for i := range l.Proofs {
				l.Proofs[i].Count += staleGap
			}
			for _, d := range l.Dialogs {
				d.Offer.Origin.Version += staleGap
			}
		}
		for i, p := range l.Ports {
			if p.ID == 0 {
				continue
			}
			l.Ports[i] = media.Port{}
			if got, err := c.srv.cfg.Media.Open(media.Place{Call: c.ID, Leg: l.Slot, Local: p.Local.Addr(), Number: p.Local.Port(), DSCP: l.side.MediaDSCP}); err == nil {
				l.Ports[i] = got
			} else {
				c.srv.log.Error("media port lost in takeover", "call", c.ID, "port", p.Local, "err", err)
			}
		}
	}
	c.restoreMedia()
	for i := range c.Branches {
		if c.Branches[i].Seek.pending() {
			c.seekAgain(uint8(i))
		}
	}
	if c.Transfer != nil && c.Transfer.InName != nil && c.Cause == nil {
		c.askName()
	}
	for _, l := range c.Legs {
		for _, t := range l.Txs {
			if t.Seek != nil {
				c.seekFor(l, t)
			}
		}
	}
	for _, l := range c.Legs {
		if l.Hold != nil && c.Cause == nil {
			w := l.Hold.Walk
			l.Hold = nil
			w.Attempt++
			c.walk(&w)
			c.drainQueue(l)
		}
	}
}

// restoreMedia tells the relay what both parties had agreed on.
func (c *Call) restoreMedia() {
	if c.Cause != nil {
		return
	}
	for _, l := range c.Legs {
		d := l.confirmed()
		switch o := c.other(l); {
		case d == nil || l.Phase != Confirmed:
		case o != nil && l.Joined && o.Phase == Confirmed && o.confirmed() != nil && l.Slot > o.Slot:
			c.join(l, d, o, o.confirmed(), c.srv.policy(l.side, o.side))
		}
	}
	a := c.Legs[0]
	for _, l := range c.Legs[1:] {
		for _, d := range l.Dialogs {
			if a.Phase == Trying && l.Joined && d.Twin != noTwin && int(d.Twin) < len(a.Dialogs) && a.Dialogs[d.Twin].Number == a.Voice {
				c.join(l, d, a, a.Dialogs[d.Twin], c.srv.policy(l.side, a.side))
			}
		}
	}
	for _, l := range c.Legs {
		for _, d := range l.Dialogs {
			if l.Own && l.Phase != Over && (d.Confirmed || d.Own && l.Phase == Trying) {
				c.describeOwn(l, d)
			}
		}
		if s := l.speech(); s != nil && l.Room != 0 {
			c.do(media.Enter{Port: s.port, Room: media.RoomID(l.Room)})
		}
		c.resumeEndpoint(l)
	}
}

// Snapshots returns all calls as they are now, by id, those that linger included.
func (s *Server) Snapshots() (map[uint64][]byte, error) {
	out := map[uint64][]byte{}
	var failed error
	for _, c := range s.here() {
		id := c.ID
		data, ok := ask(c.srv, c, func(c *Call) []byte {
			data, err := c.snapshot()
			if err != nil {
				s.log.Error("snapshot failed", "call", c.ID, "err", err)
			}
			return data
		})
		if !ok || data == nil {
			failed = fmt.Errorf("no snapshot of call %d", id)
			continue
		}
		out[id] = data
	}
	return out, failed
}

// LastCall returns the id of the last call made here.
func (s *Server) LastCall() uint64 { return s.nextID.Load() }

// Lingering returns the number of ended calls that wait for their last transaction timers.
func (s *Server) Lingering() int { return s.known() - s.Active() }
