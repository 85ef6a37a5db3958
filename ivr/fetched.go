package ivr

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// keptFetched bounds how many fetched recordings are kept; the oldest go.
const keptFetched = 256

// cached fetches a recording into the folder of temporary files; one that is there is asked whether it has changed. The error is
// fs.ErrNotExist if there is none at that address.
func (a *App) cached(ctx context.Context, url string) (string, error) {
	sum := sha256.Sum256([]byte(url))
	dir := filepath.Join(os.TempDir(), "bifrons-fetched")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(dir, hex.EncodeToString(sum[:16]))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	var before string
	for _, ext := range []string{".wav", ".amr", ".awb"} {
		if info, err := os.Stat(name + ext); err == nil {
			before = name + ext
			r.Header.Set("If-Modified-Since", info.ModTime().UTC().Format(http.TimeFormat))
		}
	}
	res, err := a.deps.HTTP.Do(r)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", url, err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotModified && before != "":
		return before, nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return "", fmt.Errorf("fetch %s: %s: %w", url, res.Status, fs.ErrNotExist)
	case res.StatusCode != http.StatusOK:
		return "", fmt.Errorf("fetch %s: %s", url, res.Status)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxSound+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("fetch %s: %w", url, err)
	case len(data) > maxSound:
		return "", fmt.Errorf("fetch %s: more than %d bytes", url, maxSound)
	}
	if e := g711(res.Header.Get("Content-Type"), url); e != 0 && soundOf(data) == "" {
		data = asWAV(e, data)
	}
	if soundOf(data) == "" {
		return "", fmt.Errorf("fetch %s: neither WAV nor AMR, nor named as G.711", url)
	}
	file := name + soundOf(data)
	if before != "" && before != file {
		_ = os.Remove(before)
	}
	prune(dir)
	return file, put(file, data)
}

// soundOf tells by its first bytes what a recording is: the ending of its file, "" for none that can be played.
func soundOf(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("RIFF")):
		return ".wav"
	case bytes.HasPrefix(data, []byte("#!AMR-WB\n")):
		return ".awb"
	case bytes.HasPrefix(data, []byte("#!AMR\n")):
		return ".amr"
	}
	return ""
}

// g711 gives the WAV encoding of bare G.711, by the type that its server says or by the ending of its address; 0 for anything else.
func g711(contentType, url string) (encoding uint16) {
	const aLaw, muLaw = 6, 7
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch strings.TrimSpace(kind) {
	case "audio/basic", "audio/pcmu":
		return muLaw
	case "audio/pcma":
		return aLaw
	}
	address, _, _ := strings.Cut(url, "?")
	switch strings.ToLower(path.Ext(address)) {
	case ".g711", ".ulaw", ".ul":
		return muLaw
	case ".alaw", ".al":
		return aLaw
	}
	return 0
}

// asWAV puts the header of a WAV file before bare G.711.
func asWAV(encoding uint16, data []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("RIFF"), uint32(36+len(data)))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, encoding), 1)
	b = le.AppendUint32(le.AppendUint32(b, 8000), 8000)
	b = le.AppendUint16(le.AppendUint16(b, 1), 8)
	b = le.AppendUint32(append(b, "data"...), uint32(len(data)))
	return append(b, data...)
}

// put writes a file that others may be reading.
func put(file string, data []byte) error {
	part, err := os.CreateTemp(filepath.Dir(file), "part")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	if _, err = part.Write(data); err != nil {
		part.Close()
		return err
	}
	if err = part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), file)
}

// prune removes the oldest files of a folder that has too many.
func prune(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < keptFetched {
		return
	}
	var all []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			all = append(all, info)
		}
	}
	slices.SortFunc(all, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range all[:max(0, len(all)-keptFetched+1)] {
		_ = os.Remove(filepath.Join(dir, info.Name()))
	}
}
