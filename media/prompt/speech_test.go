package prompt

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/media"
)

// TestEspeak has a program speak, keeps it on disk, and does not ask again.
func TestEspeak(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	dir := t.TempDir()
	store := func(c *Config) { c.Store = filepath.Join(dir, "store"); c.Wait = 30 * time.Second }
	l := open(t, store)
	item := media.Item{Text: "-v is not an option here", Language: "en"}
	c := clipOf(t, l, item, pcmu)
	if c.Length < 8000 || c.Length > 8000*6 {
		t.Errorf("%d ticks of speech", c.Length)
	}
	files, err := os.ReadDir(filepath.Join(dir, "store"))
	if err != nil || len(files) != 1 || strings.Contains(files[0].Name(), "option") {
		t.Errorf("stored %v, %v", files, err)
	}
	silent := open(t, func(c *Config) {
		store(c)
		c.Speech = []Port{{Name: "espeak-ng", Command: []string{"false"}, Voice: "{language}"}}
	})
	if again := clipOf(t, silent, item, pcmu); again.Length != c.Length {
		t.Errorf("what was stored has %d ticks, not %d", again.Length, c.Length)
	}
	item.Voice = "de"
	if _, err := silent.Clip(t.Context(), item, pcmu, 0); err == nil {
		t.Error("another voice is not another speech")
	}
}

// TestSpeechService asks HTTP services: one in another language, one that fails, one that is slow, one that speaks.
func TestSpeechService(t *testing.T) {
	t.Parallel()
	path := save(t, filepath.Join(t.TempDir(), "a.wav"), 22050, speechlike(22050))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 10)
	hold := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked <- r.URL.String(); r.URL.Path {
		case "/good":
			_, _ = w.Write(data)
		case "/slow":
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		case "/text":
			_, _ = w.Write([]byte("<html>"))
		case "/long": // a length of its own says nothing
			_, _ = w.Write(append(slices.Concat(data[:40], []byte{0xff, 0xff, 0xff, 0xff}), make([]byte, 4*22050)...))
		case "/round":
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		case "/quotes": // its status line has what was asked
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = fmt.Fprintf(c, "HTTP/1.1 400 %s\r\n\r\n", r.URL)
				_ = c.Close()
			}
		default:
			http.Error(w, "no", http.StatusTeapot)
		}
	}))
	t.Cleanup(func() {
		close(hold)
		server.CloseClientConnections()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	port := func(name, path string, languages ...string) Port {
		return Port{Name: name, URL: server.URL + path + "?t={text}&v={voice}&l={language}", Languages: languages, Voice: "v-{language}"}
	}
	l := open(t, func(c *Config) {
		c.Speech = []Port{port("other", "/good", "fr"), port("broken", "/broken", "en"), port("html", "/text", "en"), port("good", "/good", "en")}
	})
	if c := clipOf(t, l, media.Item{Text: "a & b", Language: "en-GB"}, pcmu); c.Length != 8000 {
		t.Errorf("%d ticks", c.Length)
	}
	for _, want := range []string{"/broken", "/text", "/good?t=a+%26+b&v=v-en-gb&l=en-GB"} {
		if got := <-asked; !strings.HasPrefix(got, want) {
			t.Errorf("asked %s, want %s", got, want)
		}
	}
	if _, err := l.Clip(t.Context(), media.Item{Text: "a", Language: "it"}, pcmu, 0); !errors.Is(err, ErrNoSpeech) {
		t.Errorf("a language nobody speaks: %v", err)
	}
	for path, want := range map[string]string{"/round": "302 Found", "/quotes": "400 Bad Request", "/long": "more than 1s"} {
		hostile := open(t, func(c *Config) { c.Speech, c.Longest = []Port{port("x", path)}, time.Second })
		if _, err := hostile.Clip(t.Context(), media.Item{Text: "secret"}, pcmu, 0); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", path, err)
		}
	}
	slow := open(t, func(c *Config) { c.Speech = []Port{port("slow", "/slow")}; c.Wait = 100 * time.Millisecond })
	_, err = slow.Clip(t.Context(), media.Item{Text: "secret"}, pcmu, 0)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a slow service: %v", err)
	}
}

// TestStoreBound keeps the disk below its bound; what was used last stays.
func TestStoreBound(t *testing.T) {
	t.Parallel()
	s, err := openStore(filepath.Join(t.TempDir(), "s"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	foreign := filepath.Join(s.dir, "bifrons.yaml")
	if err := os.WriteFile(foreign, make([]byte, 200_000), 0o644); err != nil {
		t.Fatal(err)
	}
	_ = os.Chtimes(foreign, old, old.Add(-time.Hour))
	for i := range 30 {
		key := string(rune('a' + i))
		if err := s.save(key, ".wav", make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		_ = os.Chtimes(s.path(key, ".wav"), old, old.Add(time.Duration(i)*time.Second))
		if s.load("a", ".wav") == nil {
			t.Fatalf("what is used always is gone after %d files", i)
		}
	}
	if s.size > 1<<20 || s.load("b", ".wav") != nil {
		t.Errorf("%d bytes", s.size)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not of the store: %v", err)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	if err := s.save("z", ".wav", nil); err == nil {
		t.Error("a directory that is gone was written to")
	}
}
