package prompt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/wav"
)

// source is speech as it was found: samples, or frames of AMR.
type source struct {
	audio wav.Audio
	amr   *codec.Clip
	wide  bool // AMR-WB
}

// maxFile bounds a file, in bytes; Config.Longest bounds what is in it.
const maxFile = 200 << 20

// openFile opens a file, which must be a regular one: a FIFO would be waited for without end, and a device never ends.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFile:
		err = fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxFile)
	default:
		return f, nil
	}
	f.Close()
	return nil, err
}

// read reads a whole file.
func read(path string) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

// head is how much of a file Check reads if that is enough, in bytes.
const head = 1 << 20

// Check tells why nothing can be played of a file, whatever the format, nil if something can.
func (l *Library) Check(path string) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, head))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err = known(data); err != nil && len(data) == head { // a long chunk may come before the speech
		if data, err = read(path); err == nil {
			err = known(data)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// known tells why the head of a file, or all of it, is not that of one that can be played.
func known(data []byte) (err error) {
	if isAMR(data) {
		_, _, err = codec.ParseAMR(data)
	} else {
		_, err = wav.Open(data)
	}
	return err
}

func isAMR(data []byte) bool { return bytes.HasPrefix(data, []byte("#!AMR")) }

// parse tells the kind of a file by its first bytes.
func (l *Library) parse(name string, data []byte) (s source, err error) {
	var long time.Duration
	if isAMR(data) {
		s.wide, s.amr, err = codec.ParseAMR(data)
		if s.amr != nil {
			long = time.Duration(len(s.amr.Frames)) * 20 * time.Millisecond
		}
	} else {
		var f wav.Speech
		if f, err = wav.Open(data); err == nil {
			if long = f.Length(); long <= l.cfg.Longest {
				s.audio = f.Audio()
			}
		}
	}
	if err == nil && long > l.cfg.Longest {
		err = fmt.Errorf("%s of speech, more than %s", long.Round(time.Second), l.cfg.Longest)
	}
	if err != nil {
		return source{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// locate returns the file to read for a format: what was encoded before lies beside the WAV file, or the other way round.
func locate(path string, f codec.Format) (string, os.FileInfo, error) {
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	first := path
	if f.IsAMR() && filepath.Ext(path) == ".wav" {
		path = stem + suffix(f)
	}
	if info, err := os.Stat(path); err == nil {
		return path, info, nil
	}
	info, err := os.Stat(first)
	return first, info, err
}

func suffix(f codec.Format) string {
	switch f.Codec {
	case codec.AMR:
		return ".amr"
	case codec.AMRWB:
		return ".awb"
	}
	return ".wav"
}

// identity is the part of a cache key that changes when a file does.
func identity(path string, info os.FileInfo) string {
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
}

// errMissing is a prompt that is in no place.
var errMissing = errors.New("no such prompt")

// named is a file with its name without extension.
type named struct {
	name string
	data []byte
}

// filesOf reads the files of a directory that have an extension; an empty name of a directory has none.
func filesOf(directory, ext string) (out []named, err error) {
	if directory == "" {
		return nil, nil
	}
	paths, err := filepath.Glob(filepath.Join(directory, "*"+ext))
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		data, err := read(p)
		if err != nil {
			return nil, err
		}
		out = append(out, named{strings.TrimSuffix(filepath.Base(p), ext), data})
	}
	return out, nil
}
