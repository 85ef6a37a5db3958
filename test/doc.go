// Package test runs the built binary against programs that nobody here wrote: SIPp as the telephones, Kamailio as the
// S-CSCF and the P-CSCF. It imports nothing of the project. What SIPp cannot say, such as two requests that cross on the
// wire, comes from small UDP endpoints of its own (ua_test.go), which share no code with the sip package.
//
// TestMain builds cmd/bifrons once. Every test starts a server of its own on loopback addresses of its own, so tests run
// in parallel; the lab and the samples of configuration, whose addresses are fixed, run in a network namespace. A server
// is stopped by SIGTERM and has to exit with status 0; a data race or a panic on its standard error fails the test.
//
//	go test ./test/...                       all of it, under three minutes
//	BIFRONS=/path/to/bifrons go test ./test  tries a binary that is already built
//
// The programs come from test/install.sh; a test says which one it misses and is skipped.
package test
