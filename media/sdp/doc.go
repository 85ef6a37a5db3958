// Package sdp reads, answers and re-writes session descriptions (RFC 8866) for the offer/answer model of RFC 3264.
//
// It owns the line-preserving view of a received description (Session), the o= line that a leg of ours shows (Origin), the
// policies that say what may cross from one party to the other (Policy), and three writers: Anchor re-writes one party's
// description for the other, Answer and Offer write descriptions of our own. It owns no socket and no call. All functions
// are pure but for the Origin and the destination buffer handed in; nothing here starts a goroutine, and a Session belongs
// to the goroutine that parsed it, for as long as the parsed bytes stay unchanged.
//
//	var s sdp.Session
//	if err := s.Parse(body); err != nil { ... }
//	local := []sdp.Local{{RTP: port.Local}}
//	out := sdp.Anchor(nil, &s, &origin, sdp.PolicyNamed("untrusted"), local, sdp.AnchorOptions{})
package sdp
