// Package trace keeps the last messages of calls, bounded in bytes, shows them to whoever asks, and sends copies to a
// collector. It owns no call: the call core notes what it reads and writes.
//
// Two rings hold the messages: one those of all calls, the other those of calls that failed, so that a busy hour does not
// sweep away what somebody will ask for. Any goroutine may call Note, Fail and Read; each holds one lock for a copy in memory. A
// HEP sender has a goroutine of its own and a bounded queue, and ends with Close.
//
//	b := trace.New(16<<20, 4<<20)
//	b.Note(trace.Message{Call: 7, Leg: 0, At: time.Now(), Data: []byte("INVITE sip:b@x SIP/2.0\r\n\r\n")}, false)
//	all := b.Read(7)
package trace
