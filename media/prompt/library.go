package prompt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/tone"
)

// Library is the media.Prompts of a node. Its methods may be called from any goroutine.
type Library struct {
	cfg      Config
	log      *slog.Logger
	cache    *cache
	encoder  *encoder
	store    *store // nil if there is none
	speech   []speaker
	built    set
	grammars []spokenRules
	end      context.CancelFunc
	ctx      func() context.Context // over when the library is closed
}

var _ media.Prompts = (*Library)(nil)

// New opens a library; Close ends what it is making.
func New(cfg Config, log *slog.Logger) (*Library, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Library{cfg: cfg, log: log, cache: newCache(cfg.Cache)}
	var err error
	if l.encoder, err = newEncoder(cfg.Encoder); err != nil {
		return nil, err
	}
	if cfg.Directory != "" {
		if info, err := os.Stat(cfg.Directory); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("prompts: %s is no directory", cfg.Directory)
		}
	}
	if !tone.Known(cfg.Country) {
		return nil, fmt.Errorf("prompts: no tones of country %q", cfg.Country)
	}
	if l.built, err = openSet(); err != nil {
		return nil, err
	}
	if l.grammars, err = openGrammars(cfg.Directory); err != nil {
		return nil, err
	}
	if cfg.Store != "" {
		if l.store, err = openStore(cfg.Store, cfg.StoreSize); err != nil {
			return nil, err
		}
	}
	for _, p := range cfg.Speech {
		l.speech = append(l.speech, newSpeaker(p))
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.end, l.ctx = cancel, func() context.Context { return ctx }
	l.cache.work.Go(func() { l.encoder.supports(ctx, codec.AMR) }) // before a call asks, which must not wait; ends with the program
	return l, nil
}

// Close ends the programs that run for the library and waits for them.
func (l *Library) Close() {
	l.end()
	l.cache.close()
}

// Speaks implements media.Prompts: without an encoder the prompts that are built in can be played in AMR, if its mode-set has the mode of
// theirs, which is codec.ErrPartly.
func (l *Library) Speaks(f codec.Format) error {
	if err := f.Check(); err != nil || !f.IsAMR() {
		return err
	}
	o, err := f.AMR()
	if err != nil {
		return err
	}
	if l.encoder.supports(l.ctx(), f.Codec) {
		return nil
	}
	if built := map[bool]int{false: modeAMR, true: modeAMRWB}[o.Wide]; o.Allows(built) {
		return fmt.Errorf("%s: %w", f.Codec, codec.ErrPartly)
	}
	return fmt.Errorf("%s with %s: %w", f.Codec, f.Parameters, ErrNoEncoder)
}

// errItem is an item that says nothing, or two things.
var errItem = errors.New("an item to play needs exactly one of file, prompt, text, tone and silence")

// Clip implements media.Prompts.
func (l *Library) Clip(ctx context.Context, item media.Item, f codec.Format, volume int8) (*codec.Clip, error) {
	set := 0
	for _, is := range []bool{item.File != "", item.Prompt != "", item.Text != "", item.Tone != "", item.Silence > 0} {
		if is {
			set++
		}
	}
	if set != 1 {
		return nil, errItem
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	if item.Language == "" {
		item.Language = l.cfg.Language
	}
	if !tag(item.Language) {
		return nil, fmt.Errorf("language %.40q is no tag such as en or de-AT", item.Language)
	}
	clip, err := l.clip(ctx, item, f, volume)
	if err != nil {
		return nil, fmt.Errorf("play %s: %w", title(item), err)
	}
	return clip, nil
}

func (l *Library) clip(ctx context.Context, item media.Item, f codec.Format, volume int8) (*codec.Clip, error) {
	switch {
	case item.Silence > 0:
		return l.quiet(ctx, item.Silence, f)
	case item.Tone != "":
		return l.sound(ctx, item, f, volume)
	case item.File != "":
		path := item.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(l.cfg.Directory, path)
		}
		return l.file(ctx, path, f, volume)
	case item.Prompt != "":
		return l.prompt(ctx, item.Prompt, item.Language, f, volume)
	case item.As != "":
		return l.say(ctx, item, f, volume)
	}
	return l.speak(ctx, item, f, volume)
}

// Has tells whether there is a prompt of that name in a language: in the directory, or built in.
func (l *Library) Has(name, language string) bool {
	if !word(name) {
		return false
	}
	for _, tag := range parents(language) {
		if l.built[strings.ToLower(tag)][name] != nil {
			return true
		}
		for _, ext := range []string{".wav", ".amr", ".awb"} {
			if l.cfg.Directory == "" {
				break
			}
			if info, err := os.Stat(filepath.Join(l.cfg.Directory, tag, name+ext)); err == nil && info.Mode().IsRegular() {
				return true
			}
		}
	}
	return false
}

// title names an item in messages. A text may be private: it is not in them.
func title(item media.Item) string {
	switch {
	case item.File != "":
		return "file"
	case item.Prompt != "":
		return "prompt " + item.Prompt
	case item.Tone != "":
		return "tone"
	case item.As != "":
		return item.As
	case item.Text != "":
		return "text"
	}
	return "silence"
}

// form is the part of a cache key that tells formats apart whose payload differs.
func form(f codec.Format, volume int8) string {
	kind := ""
	if o, err := f.AMR(); err == nil && f.IsAMR() {
		kind = fmt.Sprint(o.Modes)
	}
	return fmt.Sprintf("%s %d %d %s %d\x00", f.Codec, f.ClockRate(), f.Width(), kind, volume)
}

// file returns the clip of a file, or of what was encoded of it before and lies beside it, if that can be read.
func (l *Library) file(ctx context.Context, path string, f codec.Format, volume int8) (*codec.Clip, error) {
	beside, info, err := locate(path, f)
	if err != nil {
		return nil, err
	}
	clip, err := l.located(ctx, beside, info, f, volume)
	if err == nil || beside == path || ctx.Err() != nil {
		return clip, err
	}
	if info, e := os.Stat(path); e == nil {
		l.log.Warn("encoded prompt not played, but the file that it lies beside", "error", err)
		return l.located(ctx, path, info, f, volume)
	}
	return nil, err
}

func (l *Library) located(ctx context.Context, path string, info os.FileInfo, f codec.Format, volume int8) (*codec.Clip, error) {
	id := "file " + identity(path, info)
	return l.cache.get(ctx, form(f, volume)+id, func() (*codec.Clip, error) {
		return l.stored(id, f, volume, func(ctx context.Context) (source, error) {
			data, err := read(path)
			if err != nil {
				return source{}, err
			}
			return l.parse(path, data)
		})
	})
}

// prompt returns the clip of a name: of the directory, else of what is built in; in the language, else in its parent (de for
// de-AT).
func (l *Library) prompt(ctx context.Context, name, language string, f codec.Format, volume int8) (*codec.Clip, error) {
	if !word(name) {
		return nil, fmt.Errorf("%.60q is no name of a prompt: %w", name, errMissing)
	}
	for _, tag := range parents(language) {
		if l.cfg.Directory == "" {
			break
		}
		for _, ext := range []string{suffix(f), ".wav", ".amr", ".awb"} {
			path := filepath.Join(l.cfg.Directory, tag, name+ext)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return l.file(ctx, path, f, volume)
			}
		}
	}
	for _, tag := range parents(language) {
		if s, ok := l.built.find(tag, name, f); ok {
			return l.cache.get(ctx, form(f, volume)+"built "+tag+" "+name, func() (*codec.Clip, error) {
				return l.stored("built "+tag+" "+name, f, volume, func(context.Context) (source, error) { return l.built.open(l, s) })
			})
		}
	}
	return nil, fmt.Errorf("%w in %s", errMissing, language)
}

// parents are a language and those it is a kind of.
func parents(language string) (out []string) {
	for {
		out = append(out, language)
		i := strings.LastIndexByte(language, '-')
		if i < 0 {
			return out
		}
		language = language[:i]
	}
}

// word tells whether a name can be one of a prompt: no path leads out of the directory.
func word(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for _, c := range []byte(s) {
		if !(c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// quiet returns silence. It is short and said over again.
func (l *Library) quiet(ctx context.Context, long time.Duration, f codec.Format) (*codec.Clip, error) {
	c, err := l.cache.get(ctx, form(f, 0)+"silence", func() (*codec.Clip, error) {
		if f.IsAMR() {
			return l.silentFrames(f)
		}
		return f.NewClip(make([]int16, f.SampleRate()/5))
	})
	if err != nil {
		return nil, err
	}
	ticks := int64(long/time.Millisecond) * int64(f.ClockRate()) / 1000
	if f.IsAMR() {
		ticks -= ticks % c.Step()
	}
	return c.Lasting(ticks), nil
}

// sound returns a tone.
func (l *Library) sound(ctx context.Context, item media.Item, f codec.Format, volume int8) (*codec.Clip, error) {
	country := item.Country
	if country == "" {
		country = l.cfg.Country
	}
	spec, err := tone.Find(item.Tone, country)
	if err != nil {
		return nil, err
	}
	c, err := l.cache.get(ctx, form(f, volume)+"tone "+country+" "+item.Tone, func() (*codec.Clip, error) {
		if spec.Repeat {
			return l.round(country+" "+item.Tone, spec.Samples(f.SampleRate()), f, volume)
		}
		return l.stored("tone "+country+" "+item.Tone, f, volume, func(context.Context) (source, error) {
			return source{audio: audio(f.SampleRate(), spec.Samples(f.SampleRate()))}, nil
		})
	})
	switch ticks := int64(item.Length/time.Millisecond) * int64(f.ClockRate()) / 1000; {
	case err != nil:
		return nil, err
	case ticks > 0 && f.IsAMR():
		return c.Lasting(max(ticks-ticks%c.Step(), c.Step())), nil
	case ticks > 0:
		return c.Lasting(ticks), nil
	case spec.Repeat:
		return c.Lasting(codec.Endless), nil
	}
	return c, nil
}

// round returns a tone that is played over again. It is its second time round: a codec with a memory then has at its end what it had at
// its beginning, and nothing is heard where the two meet. In AMR it is as often there as makes whole frames.
func (l *Library) round(name string, pcm []int16, f codec.Format, volume int8) (*codec.Clip, error) {
	if frame := f.SampleRate() / 50; f.IsAMR() && len(pcm)%frame != 0 {
		once := pcm
		for len(pcm)%frame != 0 && len(pcm) < maxRound*f.SampleRate() {
			pcm = append(pcm, once...)
		}
		pcm = pcm[:len(pcm)-len(pcm)%frame]
	}
	c, err := l.stored("round "+name, f, volume, func(context.Context) (source, error) {
		return source{audio: audio(f.SampleRate(), slices.Concat(pcm, pcm))}, nil
	})
	if err != nil {
		return nil, err
	}
	long := int64(len(pcm)) * int64(f.ClockRate()) / int64(f.SampleRate())
	if c.Length < 2*long {
		return nil, fmt.Errorf("%s: a tone of %d ticks became %d", f.Codec, 2*long, c.Length)
	}
	return c.Cut(long, 2*long, f.Rate()), nil
}

// maxRound bounds a tone that has to be repeated to make whole frames, in seconds.
const maxRound = 60
