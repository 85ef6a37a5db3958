package prompt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// store keeps what was dear to make in a directory: one file each, named by a hash of what it is of (text, voice, codec), so
// that no text can be read from it. The files that were used longest ago go first.
type store struct {
	dir   string
	bound int64

	mu   sync.Mutex // guards what follows; held over system calls, by makers of clips only
	size int64
}

// unfinished begins the name of a file that is being written.
const unfinished = "new-"

func openStore(dir string, bound int64) (*store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("prompts: store: %w", err)
	}
	s := &store{dir: dir, bound: bound}
	if err := s.trim(0); err != nil {
		return nil, fmt.Errorf("prompts: store: %w", err)
	}
	return s, nil
}

func (s *store) path(key, ext string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16])+ext)
}

// load returns what is kept under a key, nil if there is nothing.
func (s *store) load(key, ext string) []byte {
	path := s.path(key, ext)
	data, err := read(path)
	if err != nil {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // used: if that fails it goes earlier
	return data
}

// save keeps data under a key. The file is complete or not there.
func (s *store) save(key, ext string, data []byte) error {
	if int64(len(data)) > s.bound {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.CreateTemp(s.dir, unfinished+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path(key, ext))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	if s.size += int64(len(data)); s.size > s.bound {
		return s.trim(s.bound / 10)
	}
	return nil
}

// ours tells a file that was written by save from what else somebody keeps in the directory.
func ours(name string) bool {
	stem, ext, _ := strings.Cut(name, ".")
	_, err := hex.DecodeString(stem)
	return err == nil && len(stem) == 32 && (ext == "wav" || ext == "amr" || ext == "awb") || strings.HasPrefix(name, unfinished)
}

// trim removes the oldest files until what is left is that much below the bound, and counts what is there.
func (s *store) trim(spare int64) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var files []os.FileInfo
	s.size = 0
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && ours(e.Name()) {
			files = append(files, info)
			s.size += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if s.size <= s.bound-spare {
			break
		}
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) { // another node may share it
			return err
		}
		s.size -= f.Size()
	}
	return nil
}

// stored makes a clip, or takes the AMR that was made of the same before.
func (l *Library) stored(id string, f codec.Format, volume int8, open func(context.Context) (source, error)) (*codec.Clip, error) {
	key := form(f, volume) + id
	if l.store != nil && f.IsAMR() {
		if data := l.store.load(key, suffix(f)); data != nil {
			if _, c, err := codec.ParseAMR(data); err == nil {
				return c, nil
			}
		}
	}
	s, err := open(l.ctx())
	if err != nil {
		return nil, err
	}
	c, err := l.render(l.ctx(), s, f, volume)
	if err == nil && l.store != nil && f.IsAMR() && c != s.amr {
		if err := l.store.save(key, suffix(f), append([]byte(codec.AMRHeader(f.Codec == codec.AMRWB)), c.Data...)); err != nil {
			l.log.Warn("prompt not stored", "error", err)
		}
	}
	return c, err
}
