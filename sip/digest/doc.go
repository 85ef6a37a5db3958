// Package digest is HTTP digest authentication as SIP has it (RFC 7616, RFC 8760, RFC 3261 22): challenges and credentials read
// and printed, answers computed, answers judged. It sends nothing and knows no calls.
//
// A Session answers the challenges of a peer:
//
//	for _, s := range digest.Choose(digest.Challenges(response), secretOf) {
//		line := s.Append(nil, "INVITE", uri, body)
//	}
//
// A Verifier challenges peers and judges their answers. Its nonces are under a key and need no memory; that no answer counts
// twice needs a fixed amount. Any goroutine may use it.
package digest
