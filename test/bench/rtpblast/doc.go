// Command rtpblast sends and receives many bidirectional G.711-like RTP streams through a relay on loopback and reports sent,
// received, lost, latency, jitter and the relay's CPU. A stream has two ends, A and B: A sends to the relay's port for A, the
// relay sends on to B from its port for B, and the other way around. End A of stream i is 127.0.0.1:(a-base+2i), B likewise.
//
//	rtpblast -streams 500 -secs 6 -sip 127.0.0.1:5060 -pid PID           sets the calls up through a back-to-back user agent
//	rtpblast -streams 500 -secs 6 -rtpengine 127.0.0.1:2223 -pid PID     the same through rtpengine, by its ng protocol
//
// One thread sends, in 1 ms slots spread over the 20 ms of a packet; one receives.
package main
