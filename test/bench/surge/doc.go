// Command surge offers calls to a B2BUA at fixed rates, whatever becomes of them, and tells how many were answered, how many
// refused, and how long the answered ones took from INVITE to 200.
//
// It is caller and callee. The callee answers at once; an answered call is acknowledged and hung up after -hold. A rate that the
// server does not manage shows what it does with too many calls. Run it on processors of its own (taskset).
//
//	surge -server 127.0.0.1:5060 -callee 127.0.0.1:5090 -rates 1000,2000 -secs 10
package main
