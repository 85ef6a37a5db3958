package prompt

import (
	"archive/zip"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/bifrons/bifrons/media/codec"
)

// The prompts that are built in, a file for each language. make.sh makes them.
//
//go:embed sets/*.zip
var sets embed.FS

// set is what is in them, by language, name and extension.
type set map[string]map[string]map[string]*zip.File

func openSet() (set, error) {
	out := set{}
	files, err := sets.ReadDir("sets")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		data, err := sets.ReadFile("sets/" + f.Name())
		if err != nil {
			return nil, err
		}
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, fmt.Errorf("built-in prompts %s: %w", f.Name(), err)
		}
		names := map[string]map[string]*zip.File{}
		for _, e := range z.File {
			ext := path.Ext(e.Name)
			name := strings.TrimSuffix(e.Name, ext)
			if names[name] == nil {
				names[name] = map[string]*zip.File{}
			}
			names[name][ext] = e
		}
		out[strings.TrimSuffix(f.Name(), ".zip")] = names
	}
	return out, nil
}

// find returns the file of a prompt that serves a format best.
func (s set) find(language, name string, f codec.Format) (*zip.File, bool) {
	files := s[strings.ToLower(language)][name]
	if o, err := f.AMR(); err == nil && f.IsAMR() && files != nil {
		built := modeAMR
		if o.Wide {
			built = modeAMRWB
		}
		if e := files[suffix(f)]; e != nil && o.Allows(built) {
			return e, true
		}
	}
	e := files[".wav"]
	return e, e != nil
}

// open reads a file of the set.
func (s set) open(l *Library, e *zip.File) (source, error) {
	r, err := e.Open()
	if err != nil {
		return source{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return source{}, err
	}
	return l.parse("built-in "+e.Name, data)
}

// silentFrames is silence in AMR: what an encoder made of it, else frames that say that there is nothing.
func (l *Library) silentFrames(f codec.Format) (*codec.Clip, error) {
	if e, ok := l.built.find("en", "silence", f); ok {
		s, err := l.built.open(l, e)
		if err == nil {
			c, err := l.render(l.ctx(), s, f, 0)
			if err == nil || !errors.Is(err, ErrNoEncoder) {
				return c, err
			}
		}
	}
	_, c, err := codec.ParseAMR(append([]byte(codec.AMRHeader(f.Codec == codec.AMRWB)), codec.AMRNoData))
	return c, err
}
