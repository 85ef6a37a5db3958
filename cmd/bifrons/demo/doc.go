// Package demo is the call that "bifrons demo" shows: two phones made with
// sipgo and diago, Alice on one side of the server and Bob on the other, a
// call with audio, hold, resume and hang-up, and then the proof.
//
// What it shows is what the phones' own sockets sent and received: every SIP
// datagram is recorded below sipgo, every RTP packet is counted below the
// audio, and each phone plays a tone of its own that the far end has to hear.
// The package knows nothing of the server but two addresses, so that it cannot
// flatter it: [Run] returns nil only when every step happened, the right tone
// arrived in each direction, the call was silent on hold, both phones saw the
// end, and nothing private of one phone appeared at the other. A server that is
// a [Home] is also asked what its HSS said of the callee, and has to learn by
// itself that he leaves.
//
// It does not start the server; its caller does, through [Start].
//
// [RunIMS] is the second act: phones of the same kind behind a small S-CSCF, which
// asks the server about each call to Bob and judges what comes back.
//
// A Phone can be used alone, as the tests do:
//
//	bob, err := demo.NewPhone(demo.PhoneConfig{User: "bob", Addr: loopback, Tone: 880})
//	go bob.Answer(ctx, 300*time.Millisecond)
//	err = alice.Call(ctx, bob.Addr(), "bob", nil)
//	heard := alice.Listen(ctx, time.Second)
//	err = alice.Hold(ctx)
//	err = bob.Hangup(ctx)
//	messages := alice.Messages()
//
// Goroutines: a phone has one that reads its SIP socket and, while a call
// lasts, one that listens, one that plays and one that waits for the end;
// Close ends and awaits them. sipgo starts a goroutine for each message it
// reads. A panic of the libraries in any of these but their timers becomes an
// error of the phone.
package demo
