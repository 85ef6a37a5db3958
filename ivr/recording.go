package ivr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bifrons/bifrons/ivr/walk"
)

// playing is where a recording is that may be played: in the menu's folder of prompts, or in that of what callers have said.
func (a *App) playing(e *edition, name string) (path string, err error) {
	name = strings.TrimPrefix(name, "file://")
	folder, err := filepath.Abs(e.flow.Folder())
	if err != nil {
		return "", err
	}
	tapes := a.recordings(e)
	if filepath.IsAbs(name) {
		if path, ok := within(tapes, name); ok {
			return path, nil
		}
	}
	if path, ok := within(folder, name); ok {
		return path, nil
	}
	return "", fmt.Errorf("the file %s is neither in %s nor in %s", name, folder, tapes)
}

// isURL tells an address that is fetched from the path of a file.
func isURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// recording tells whether a recording is there and can be played, by its file or address: fs.ErrNotExist if it is not there.
func (a *App) recording(ctx context.Context, name string, e *edition) (any, error) {
	var path string
	var err error
	switch {
	case isURL(name) && !a.mayFetch(name):
		return nil, a.notFetched(name)
	case isURL(name):
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		path, err = a.cached(ctx, name)
	default:
		path, err = a.playing(e, name)
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || !playable(path):
		return nil, fmt.Errorf("%s is no recording; there can be .wav, .amr and .awb", name)
	}
	if a.deps.Speech != nil {
		if err := a.deps.Speech.Check(path); err != nil {
			return nil, err
		}
	}
	return map[string]any{"file": name, "bytes": info.Size(), "unix": info.ModTime().Unix()}, nil
}

func (a *App) notFetched(url string) error {
	return fmt.Errorf("%s is not to be fetched; add its beginning to `fetch` of ivr.%s", url, a.cfg.Name)
}

// move moves what a caller has said to another name or folder, or deletes it. A file that is there already stays.
func (a *App) move(m walk.Move, e *edition) walk.Found {
	folder := a.recordings(e)
	from, ok := within(folder, m.File)
	info, err := os.Lstat(from)
	gone := errors.Is(err, fs.ErrNotExist)
	if !ok || !playable(from) || !gone && (err != nil || !info.Mode().IsRegular()) {
		return walk.Found{Failed: fmt.Sprintf("%s is no recording below %s", m.File, folder)}
	}
	if m.To == "" {
		if err := os.Remove(from); err != nil && !gone {
			return walk.Found{Failed: err.Error()}
		}
		return walk.Found{}
	}
	name := m.To
	if strings.HasSuffix(name, "/") {
		name += filepath.Base(from)
	} else if !playable(name) {
		name += filepath.Ext(from)
	}
	to, ok := within(folder, name)
	if !ok || to == folder {
		return walk.Found{Failed: fmt.Sprintf("%s is not below %s, the folder of recordings", m.To, folder)}
	}
	if _, err := os.Lstat(to); gone && err == nil { // another node did it, and then was lost
		return walk.Found{Data: to}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return walk.Found{Failed: err.Error()}
	}
	if err := os.Link(from, to); err != nil { // which, unlike Rename, takes nothing's place
		return walk.Found{Failed: err.Error()}
	}
	if err := os.Remove(from); err != nil {
		return walk.Found{Failed: err.Error()}
	}
	return walk.Found{Data: to}
}
