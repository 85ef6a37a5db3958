package prompt

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config are the settings of a Library.
type Config struct {
	// Directory has prompts of your own, as LANGUAGE/NAME.wav, .amr and .awb; they come before those that are built in. Empty
	// is none. Files that are named with a relative path lie here, too.
	Directory string
	// Language is that of an item that names none, and Country that of its tones.
	Language string
	Country  string
	// Cache bounds the payload kept in memory, in bytes.
	Cache int64
	// Longest bounds what is played from one file.
	Longest time.Duration
	// Encoder is the program ffmpeg, which makes AMR; "auto" looks for it in PATH, "none" does without.
	Encoder string
	// Speech are the ports that speak a text, the first that can is taken.
	Speech []Port
	// Wait bounds how long a text may take to be spoken.
	Wait time.Duration
	// Store is a directory for speech and AMR that was made; empty keeps it in memory alone. StoreSize bounds it, in bytes.
	Store     string
	StoreSize int64
}

// Port is a way to speak a text.
type Port struct {
	// Name is for messages.
	Name string
	// Command is a program such as espeak-ng: it gets the text on its standard input and writes WAV on its standard output.
	// In its arguments {voice} and {language} are replaced.
	Command []string
	// URL is an HTTP service that answers with WAV: {text}, {voice} and {language} are replaced.
	URL string
	// Languages are the tags it can speak, none is all.
	Languages []string
	// Voice is the one taken for an item that names none; {language} is replaced.
	Voice string
}

// Espeak returns a port for the program espeak-ng.
func Espeak() Port {
	return Port{Name: "espeak-ng", Command: []string{"espeak-ng", "--stdin", "--stdout", "-v", "{voice}"}, Voice: "{language}"}
}

// DefaultConfig returns English with the tones of the USA, 64 MB in memory, espeak-ng and ffmpeg if they are installed, and
// nothing on disk.
func DefaultConfig() Config {
	return Config{Language: "en", Country: "us", Cache: 64 << 20, Longest: 15 * time.Minute, Encoder: "auto", Speech: []Port{Espeak()},
		Wait: 5 * time.Second, StoreSize: 256 << 20}
}

// Validate tells what is wrong with the settings.
func (c *Config) Validate() error {
	switch {
	case !tag(c.Language):
		return fmt.Errorf("prompts: language %q, want a tag such as en or de-AT", c.Language)
	case c.Cache < 1<<20:
		return errors.New("prompts: the cache needs at least 1 MB")
	case c.Store != "" && c.StoreSize < 1<<20:
		return errors.New("prompts: the store needs at least 1 MB")
	case c.Longest < time.Second || c.Longest > 2*time.Hour:
		return fmt.Errorf("prompts: longest %s, want 1s to 2h", c.Longest)
	case c.Wait < 100*time.Millisecond || c.Wait > time.Minute:
		return fmt.Errorf("prompts: wait %s, want 100ms to 1m", c.Wait)
	}
	for _, p := range c.Speech {
		switch {
		case p.Name == "":
			return errors.New("prompts: a speech port has no name")
		case (len(p.Command) == 0) == (p.URL == ""):
			return fmt.Errorf("prompts: speech port %s needs either a command or a url", p.Name)
		case p.URL != "" && !strings.Contains(p.URL, "{text}"):
			return fmt.Errorf("prompts: the url of speech port %s has no {text}", p.Name)
		case strings.ContainsFunc(p.URL, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return fmt.Errorf("prompts: the url of speech port %s has a blank in it; write %%20", p.Name)
		case p.URL != "" && !strings.HasPrefix(p.URL, "http://") && !strings.HasPrefix(p.URL, "https://"):
			return fmt.Errorf("prompts: the url of speech port %s begins neither with http:// nor with https://", p.Name)
		}
		for _, l := range p.Languages {
			if !tag(l) {
				return fmt.Errorf("prompts: speech port %s: language %q, want a tag such as en or de-AT", p.Name, l)
			}
		}
	}
	return nil
}

// tag tells whether a word may be a language tag (RFC 5646): letters, digits and hyphens.
func tag(s string) bool {
	if s == "" || len(s) > 35 || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if !(c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}
