// Command baseline is the floor that `make bench` compares with: the cheapest back-to-back user agent we know how to write
// for one kind of call, INVITE with 100, 180, 200, ACK, BYE over UDP, from 127.0.0.1:p to 127.0.0.1:np. Headers are scanned
// in place, the call's number is minted into Call-ID, tags and branches, one wheel holds all timers. It validates nothing,
// has no policies and no failure paths, and is of no other use.
package main
