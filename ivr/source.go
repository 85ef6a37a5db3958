package ivr

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
)

// source asks a source of data; again says that another try may help.
func (a *App) source(ctx context.Context, l walk.Look, e *edition) (f walk.Found, again bool) {
	switch l.Source {
	case "http":
		return a.http(ctx, http.MethodGet, l.What, l.Headers, nil)
	case "sh", "ldap":
		return a.subscriber(ctx, l)
	case "file":
		return found(a.table(e, l.What, l.Key))
	case "folder":
		return listed(list(a.recordings(e), l.What))
	case "recording":
		return found(a.recording(ctx, l.What, e))
	}
	return walk.Found{Failed: "there is no source " + l.Source}, false
}

func found(data any, err error) (walk.Found, bool) {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return walk.Found{Missing: true}, false
	case err != nil:
		return walk.Found{Failed: err.Error()}, false
	case data == nil:
		return walk.Found{Missing: true}, false
	}
	return walk.Found{Data: flow.Bound(data)}, false
}

// subscriber looks a user up in the sources of subscribers.
func (a *App) subscriber(ctx context.Context, l walk.Look) (walk.Found, bool) {
	var from ims.Source = a.deps.Subscribers
	if l.Source == "ldap" {
		i := slices.IndexFunc(a.deps.Subscribers, func(s ims.Source) bool { return strings.HasPrefix(s.Name(), "ldap") })
		if i < 0 {
			return walk.Found{Failed: "the configuration has no source ldap under subscribers"}, false
		}
		from = a.deps.Subscribers[i]
	}
	q := ims.Query{By: ims.ByIMPU, Value: l.What}
	if !strings.Contains(l.What, ":") {
		q.By = ims.ByMSISDN
		q.Value = strings.TrimPrefix(l.What, "+")
	}
	sub, err := from.Load(ctx, q)
	switch {
	case errors.Is(err, ims.ErrNotFound):
		return walk.Found{Missing: true}, false
	case err != nil:
		return walk.Found{Failed: err.Error()}, true
	}
	text, err := json.Marshal(sub)
	if err != nil {
		return walk.Found{Failed: err.Error()}, false
	}
	var v any
	_ = json.Unmarshal(text, &v)
	return walk.Found{Data: flow.Bound(v)}, false
}

// table finds a key in a YAML, JSON or CSV file beside the menu or below; without a key it is all of the file.
func (a *App) table(e *edition, name, key string) (any, error) {
	folder := filepath.Dir(e.flow.File)
	file, ok := within(folder, name)
	if !ok {
		return nil, fmt.Errorf("the file %s is not below %s", name, folder)
	}
	open := func() (fs.File, error) { return os.Open(file) }
	if a.cfg.Files != nil {
		open = func() (fs.File, error) { return a.cfg.Files.Open(path.Clean(name)) }
	}
	data, err := readSome(open, name, maxTable)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		return row(data, key)
	}
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil { // JSON is YAML
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if key == "" {
		return v, nil
	}
	if m, ok := v.(map[string]any); ok {
		return m[key], nil
	}
	return nil, fmt.Errorf("%s has no keys at its top", name)
}

const maxTable = 16 << 20

func readSome(open func() (fs.File, error), name string, most int64) ([]byte, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return data, err
}

// row finds the line of a table whose first column is the key; the first line has the names of the columns.
func row(data []byte, key string) (any, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	for {
		line, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 0 || line[0] != key {
			continue
		}
		out := map[string]any{}
		for i, name := range head {
			if i < len(line) {
				out[strings.TrimSpace(name)] = line[i]
			}
		}
		return out, nil
	}
}

// listed is a list of recordings. One without any is missing, and still a list.
func listed(all []any, err error) (walk.Found, bool) {
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return walk.Found{Failed: err.Error()}, false
	}
	return walk.Found{Data: flow.Bound(append([]any{}, all...)), Missing: len(all) == 0}, false
}

// maxListed bounds a list of recordings.
const maxListed = 100

// list gives the recordings of a folder, the oldest first.
func list(folder, name string) (out []any, err error) {
	dir, ok := within(folder, name)
	if !ok {
		return nil, fmt.Errorf("the folder %s is not below %s", name, folder)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	type file struct {
		path string
		at   int64
		size int64
	}
	var all []file
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && playable(e.Name()) {
			all = append(all, file{filepath.Join(dir, e.Name()), info.ModTime().UnixNano(), info.Size()})
		}
	}
	slices.SortFunc(all, func(a, b file) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.path, b.path)) })
	for _, f := range all[:min(len(all), maxListed)] {
		out = append(out, map[string]any{"file": f.path, "name": strings.TrimSuffix(filepath.Base(f.path), filepath.Ext(f.path)), "bytes": f.size, "unix": f.at / 1e9})
	}
	return out, nil
}
