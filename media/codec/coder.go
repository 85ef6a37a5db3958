package codec

import "fmt"

// Encoder turns samples of one channel at the format's sample rate into payload. It keeps the state of one stream.
type Encoder interface {
	// Encode appends the payload of the samples to dst. G722 wants an even number of samples.
	Encode(dst []byte, pcm []int16) []byte
}

// Decoder turns payload into samples of one channel at the format's sample rate. It keeps the state of one stream.
type Decoder interface {
	// Decode appends the samples of a payload to dst. What is left over at its end is dropped.
	Decode(dst []int16, payload []byte) []int16
}

// coder does both.
type coder interface {
	Encoder
	Decoder
}

// NewEncoder returns an encoder of a format, an error that wraps ErrNotDecoded for AMR.
func (f Format) NewEncoder() (Encoder, error) { return f.coder() }

// NewDecoder returns a decoder of a format, an error that wraps ErrNotDecoded for AMR.
func (f Format) NewDecoder() (Decoder, error) { return f.coder() }

func (f Format) coder() (coder, error) {
	if err := f.Decodable(); err != nil {
		return nil, err
	}
	switch f.Codec {
	case PCMU:
		return &table{ToMu, &fromMu}, nil
	case PCMA:
		return &table{ToA, &fromA}, nil
	case G722:
		return newG722(), nil
	case L16:
		return linear(f.Width()), nil
	}
	return nil, fmt.Errorf("%s: %w", f.Codec, ErrUnknown)
}

// Rate returns the bytes of payload for one tick of the RTP clock; 0 is a codec with frames of different length.
func (f Format) Rate() int {
	switch {
	case f.IsAMR():
		return 0
	case f.Codec == L16:
		return 2 * f.Width()
	}
	return 1
}

// linear is L16 (RFC 3551 4.5.11) with that many channels: all are sent the same and added up when heard.
type linear int

func (l linear) Encode(dst []byte, pcm []int16) []byte {
	for _, s := range pcm {
		for range int(l) {
			dst = append(dst, byte(s>>8), byte(s))
		}
	}
	return dst
}

func (l linear) Decode(dst []int16, payload []byte) []int16 {
	step := 2 * int(l)
	for ; len(payload) >= step; payload = payload[step:] {
		sum := 0
		for c := 0; c < step; c += 2 {
			sum += int(int16(payload[c])<<8 | int16(payload[c+1]))
		}
		dst = append(dst, int16(sum/int(l)))
	}
	return dst
}

// NewClip encodes samples at the format's sample rate, once for all players. The number of samples of G722 is made even.
func (f Format) NewClip(pcm []int16) (*Clip, error) {
	e, err := f.NewEncoder()
	if err != nil {
		return nil, err
	}
	if f.Codec == G722 && len(pcm)%2 != 0 {
		pcm = append(pcm[:len(pcm):len(pcm)], 0)
	}
	data := e.Encode(make([]byte, 0, len(pcm)*f.Rate()), pcm)
	return &Clip{Data: data, Length: int64(len(data) / f.Rate())}, nil
}
