// Package tone makes and finds signals of a few frequencies: call progress tones by country (ITU-T E.180), DTMF keys
// (ITU-T Q.23, Q.24), and a detector that hears keys in speech.
//
// All are functions of samples; nothing here starts a goroutine or keeps time.
package tone
