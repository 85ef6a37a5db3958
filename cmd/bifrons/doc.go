// Command bifrons is the one binary: the server, its demonstration and its tools. It is the only place that wires the parts
// together.
//
//	bifrons serve -c FILE     run the server
//	bifrons check FILE        read a configuration and say what is wrong with it
//	bifrons policy ...        show what crosses from one party to another
//	bifrons audit FILE.pcap   judge a capture of any product
//	bifrons demo              place a call through a server of its own and show both sides of it
//	bifrons hss [FILE]        run the HSS simulator
//	bifrons ctl ...           ask a running server, or an HSS
package main
