package codec

// Clip is a piece of speech as payload of one format, made once and shared by all players. It is never changed.
type Clip struct {
	// Data are the payload bytes, without headers of packets. Of AMR and AMR-WB they are frames as in a file, each behind its
	// byte of contents (RFC 4867 5.3).
	Data []byte
	// Frames are where the frames of AMR and AMR-WB begin in Data; nil for a codec of constant rate.
	Frames []uint32
	// Length is how long the speech is, in ticks of the RTP clock; Endless has no end. What is longer than Data is Data over
	// again.
	Length int64
}

// Endless is the length of a Clip that has no end.
const Endless = -1
