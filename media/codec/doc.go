// Package codec turns samples into payloads of RTP and back: PCMU and PCMA (ITU-T G.711), G.722 and L16 in Go, the payload and
// file formats of AMR and AMR-WB (RFC 4867), and resampling.
//
// It knows no packets, ports or calls. AMR itself is not coded here: its frames are made by an Encoder (ffmpeg) or come
// from files, and are only packed and unpacked. What is here starts no goroutine; an encoder or decoder serves one stream.
package codec
