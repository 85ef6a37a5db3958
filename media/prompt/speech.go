package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/wav"
)

// maxText bounds what is spoken at once, in bytes, and maxSpeech what comes back.
const (
	maxText   = 10_000
	maxSpeech = 32 << 20
	grace     = time.Second // for the pipes of a program that was ended
)

// ErrNoSpeech is a text that no port can speak.
var ErrNoSpeech = errors.New("no speech port can say it")

// speaker is a port in use.
type speaker struct {
	Port
	client *http.Client
}

func newSpeaker(p Port) speaker {
	return speaker{Port: p, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// can tells whether the port speaks a language.
func (s *speaker) can(language string) bool {
	if len(s.Command) > 0 {
		if _, err := exec.LookPath(s.Command[0]); err != nil {
			return false
		}
	}
	if len(s.Languages) == 0 {
		return true
	}
	for _, mine := range s.Languages {
		for _, tag := range parents(language) {
			if strings.EqualFold(mine, tag) {
				return true
			}
		}
	}
	return false
}

// say returns a text as a WAV file.
func (s *speaker) say(ctx context.Context, text, voice, language string) ([]byte, error) {
	if len(s.Command) > 0 {
		return s.run(ctx, text, voice, language)
	}
	fill := strings.NewReplacer("{text}", url.QueryEscape(text), "{voice}", url.QueryEscape(voice), "{language}", url.QueryEscape(language))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fill.Replace(s.URL), nil)
	if err != nil {
		return nil, fmt.Errorf("speech port %s: bad url", s.Name) // the error would quote the text
	}
	response, err := s.client.Do(request)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, fmt.Errorf("speech port %s: %w", s.Name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("speech port %s answers %d %s", s.Name, response.StatusCode, http.StatusText(response.StatusCode)) // its own reason may quote the text
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxSpeech))
	if err != nil {
		return nil, fmt.Errorf("speech port %s: %w", s.Name, err)
	}
	return data, nil
}

// run gives the text on standard input, so that none of it is taken for an option.
func (s *speaker) run(ctx context.Context, text, voice, language string) ([]byte, error) {
	fill := strings.NewReplacer("{voice}", voice, "{language}", language)
	args := make([]string, len(s.Command))
	for i, a := range s.Command {
		args[i] = fill.Replace(a)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	out := &limited{}
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), out, &said
	cmd.WaitDelay = grace
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("speech port %s: %w: %.200s", s.Name, err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

// limited is a buffer that takes no more than maxSpeech.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxSpeech {
		return 0, io.ErrShortBuffer
	}
	return l.Buffer.Write(b)
}

// speak returns the clip of a text.
func (l *Library) speak(ctx context.Context, item media.Item, f codec.Format, volume int8) (*codec.Clip, error) {
	switch {
	case len(item.Text) > maxText:
		return nil, fmt.Errorf("text of %d bytes, more than %d", len(item.Text), maxText)
	case item.Voice != "" && !voice(item.Voice):
		return nil, fmt.Errorf("voice %.40q: want letters, digits, and - _ + . /", item.Voice)
	}
	var last error
	for i := range l.speech {
		s := &l.speech[i]
		if !s.can(item.Language) {
			continue
		}
		name := item.Voice
		if name == "" {
			name = strings.ReplaceAll(s.Voice, "{language}", strings.ToLower(item.Language))
		}
		id := fmt.Sprintf("text %q %q %q %q", s.Name, name, item.Language, item.Text)
		clip, err := l.cache.get(ctx, form(f, volume)+id, func() (*codec.Clip, error) {
			return l.stored(id, f, volume, func(ctx context.Context) (source, error) { return l.spoken(ctx, s, id, item.Text, name, item.Language) })
		})
		if err == nil || ctx.Err() != nil {
			return clip, err
		}
		l.log.Warn("speech port failed", "port", s.Name, "error", err)
		last = err
	}
	if last == nil {
		last = fmt.Errorf("in %s: %w", item.Language, ErrNoSpeech)
	}
	return nil, last
}

// spoken has a port speak, or takes what it has spoken before.
func (l *Library) spoken(ctx context.Context, s *speaker, id, text, name, language string) (source, error) {
	if l.store != nil {
		if data := l.store.load(id, ".wav"); data != nil {
			if s, err := l.parse("stored speech", data); err == nil {
				return s, nil
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Wait)
	defer cancel()
	data, err := s.say(ctx, text, name, language)
	if err != nil {
		return source{}, err
	}
	spoken, err := l.parse("speech of "+s.Name, data)
	switch {
	case err != nil:
		return source{}, err
	case len(spoken.audio.Samples) == 0 && spoken.amr == nil:
		return source{}, fmt.Errorf("speech port %s said nothing", s.Name)
	case l.store != nil:
		if err := l.store.save(id, ".wav", data); err != nil {
			l.log.Warn("speech not stored", "error", err)
		}
	}
	return spoken, nil
}

// voice tells whether a name can be that of a voice, and no option of a command.
func voice(s string) bool {
	if s == "" || len(s) > 100 || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if !(strings.IndexByte("-_+./ ", c) >= 0 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// audio wraps samples.
func audio(rate int, pcm []int16) wav.Audio { return wav.Audio{Rate: rate, Samples: pcm} }
