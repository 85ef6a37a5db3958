// Package ctl is the command line of Sh: read, write and watch subscriber data, without a running server.
//
// It owns the words of the commands, what they ask and how the answers are printed. It does not own flags and help
// (package main does) nor connections: Open makes a Diameter endpoint of its own for the time of one command.
//
// One goroutine per connection belongs to the endpoint; Session.Close ends it.
//
//	s, err := ctl.Open(ctx, ctl.Options{Peer: "127.0.0.1:3868", Realm: "ims.example"}, log)
//	defer s.Close()
//	err = s.Run(ctx, os.Stdout, []string{"user-state", "sip:alice@ims.example"})
package ctl
