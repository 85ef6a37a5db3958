package prompt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/wav"
)

// ErrNoEncoder is a format that needs an encoder which is not installed.
var ErrNoEncoder = errors.New("no encoder for it is installed (ffmpeg with libopencore-amrnb and libvo-amrwbenc)")

// encoder is the program that makes AMR and reads it.
type encoder struct {
	path string // empty if there is none
	look sync.Once
	can  map[string]bool // by codec; known after look
	slot chan struct{}   // how many run at once
}

// encodeTime bounds a run of the program.
const encodeTime = 30 * time.Second

// modes that are made if nothing forbids them: 12.2 and 12.65 kbit/s, as phones use them.
const (
	modeAMR   = 7
	modeAMRWB = 2
)

// rates of the modes, in bit/s.
var (
	ratesAMR   = [...]int{4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200}
	ratesAMRWB = [...]int{6600, 8850, 12650, 14250, 15850, 18250, 19850, 23050, 23850}
)

var encoders = map[string]string{codec.AMR: "libopencore_amrnb", codec.AMRWB: "libvo_amrwbenc"}

func newEncoder(name string) (*encoder, error) {
	e := &encoder{slot: make(chan struct{}, 2)}
	switch name {
	case "none", "":
		return e, nil
	case "auto":
		e.path, _ = exec.LookPath("ffmpeg")
		return e, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("prompts: encoder: %w", err)
	}
	e.path = path
	return e, nil
}

// supports tells whether the program makes a codec.
func (e *encoder) supports(ctx context.Context, name string) bool {
	if e.path == "" {
		return false
	}
	e.look.Do(func() {
		e.can = map[string]bool{}
		out, err := e.run(ctx, nil, "-hide_banner", "-encoders")
		for codec, library := range encoders {
			e.can[codec] = err == nil && bytes.Contains(out, []byte(" "+library+" "))
		}
	})
	return e.can[name]
}

// run runs the program.
func (e *encoder) run(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	select {
	case e.slot <- struct{}{}:
		defer func() { <-e.slot }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, encodeTime)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, e.path, append([]string{"-v", "error"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %.200s", e.path, err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

// frames makes AMR of samples at the codec's rate.
func (e *encoder) frames(ctx context.Context, pcm []int16, f codec.Format, mode int) (*codec.Clip, error) {
	if !e.supports(ctx, f.Codec) {
		return nil, fmt.Errorf("%s: %w", f.Codec, ErrNoEncoder)
	}
	rates := ratesAMR[:]
	if f.Codec == codec.AMRWB {
		rates = ratesAMRWB[:]
	}
	in := make([]byte, 0, 2*len(pcm))
	for _, s := range pcm {
		in = binary.LittleEndian.AppendUint16(in, uint16(s))
	}
	out, err := e.run(ctx, in, "-f", "s16le", "-ar", fmt.Sprint(f.SampleRate()), "-ac", "1", "-i", "pipe:0", "-c:a", encoders[f.Codec],
		"-b:a", fmt.Sprint(rates[mode]), "-f", "amr", "pipe:1")
	if err != nil {
		return nil, err
	}
	_, c, err := codec.ParseAMR(out)
	return c, err
}

// decode makes samples of AMR.
func (e *encoder) decode(ctx context.Context, s source) (wav.Audio, error) {
	if e.path == "" {
		return wav.Audio{}, fmt.Errorf("AMR for a party with another codec: %w", ErrNoEncoder)
	}
	rate := 8000
	if s.wide {
		rate = 16000
	}
	out, err := e.run(ctx, append([]byte(codec.AMRHeader(s.wide)), s.amr.Data...), "-f", "amr", "-i", "pipe:0", "-f", "s16le", "-ac", "1",
		"-ar", fmt.Sprint(rate), "pipe:1")
	if err != nil {
		return wav.Audio{}, err
	}
	a := wav.Audio{Rate: rate, Samples: make([]int16, len(out)/2)}
	for i := range a.Samples {
		a.Samples[i] = int16(binary.LittleEndian.Uint16(out[2*i:]))
	}
	return a, nil
}

// render makes a clip of what was found.
func (l *Library) render(ctx context.Context, s source, f codec.Format, volume int8) (*codec.Clip, error) {
	if s.amr != nil {
		o, err := f.AMR()
		if err == nil && f.IsAMR() && o.Wide == s.wide && o.Fits(s.amr) == nil {
			return s.amr, nil
		}
		if s.audio, err = l.encoder.decode(ctx, s); err != nil {
			return nil, err
		}
	}
	pcm := louder(codec.Resample(s.audio.Samples, s.audio.Rate, f.SampleRate()), volume)
	if !f.IsAMR() {
		return f.NewClip(pcm)
	}
	o, err := f.AMR()
	if err != nil {
		return nil, err
	}
	return l.encoder.frames(ctx, pcm, f, mode(o))
}

// mode is the one that is made for a format.
func mode(o codec.AMROptions) int {
	if o.Wide {
		return o.Best(modeAMRWB)
	}
	return o.Best(modeAMR)
}

// louder changes the level by so many dB.
func louder(pcm []int16, db int8) []int16 {
	if db == 0 {
		return pcm
	}
	out := make([]int16, len(pcm))
	factor := math.Pow(10, float64(db)/20)
	for i, s := range pcm {
		out[i] = int16(min(max(math.Round(float64(s)*factor), -32768), 32767))
	}
	return out
}
