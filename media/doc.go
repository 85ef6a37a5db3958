// Package media is what carries speech: ports, the links between them, and the relay that moves packets across a link.
//
// It owns local RTP and RTCP sockets, the pool of port numbers, latching, the rewriting of RTP headers, the termination of
// RTCP, telephone events as far as they cross, and statistics. It does not own calls, offers or answers (package b2bua) nor
// descriptions (package sdp). It never calls into a call: what happens is posted as an Event.
//
// A Port is one m-line of one leg. The call opens it, tells it the party's signalled address (Remote), and joins it with
// the port of another leg (Join): what A's party sends to A's port leaves by B's port to B's party, and the other way. A
// port that is joined with nothing is Bifrons' own end: packets are counted and go no further.
//
// Each relay thread is one goroutine locked to an OS thread with an epoll set; it does all receiving and sending with raw
// non-blocking system calls. Open, Do, Close and Stats may be called from any goroutine. They take the relay's one lock,
// which is held for work in memory and never over a system call (but what a Forwarder does in Counters and Stop), so none of
// them waits for the network, and what was done is in force for the next packet. Shutdown ends the threads and waits for them.
//
// A port has one unconnected RTP socket and one unconnected RTCP socket, bound before Open returns. Latching to a source
// adds a second RTP socket on the same port, connected to that source: the kernel prefers it for packets of its peer and
// sending on it needs no route look-up, while the unconnected one keeps getting what strangers send, which is counted and
// never relayed. RTCP comes every few seconds, so it stays with one unconnected socket. A held call that never saw a packet
// thus costs two descriptors, one with media three.
//
//	r, err := media.New(media.DefaultConfig(), log)
//	a, err := r.Open(media.Place{Call: call, Leg: 0, Local: addrA})
//	b, err := r.Open(media.Place{Call: call, Leg: 1, Local: addrB})
//	r.Do(media.Remote{Port: a.ID, RTP: offered, RTCP: offeredRTCP, Send: true, Receive: true})
//	r.Do(media.Remote{Port: b.ID, RTP: answered, RTCP: answeredRTCP, Send: true, Receive: true})
//	r.Do(media.Join{A: a.ID, B: b.ID, StripExtensions: true})
//	...
//	r.Close(a.ID)
package media
