package ivr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
)

// looked is what a look-up has brought.
type looked struct {
	Seq   int
	Found walk.Found
	Files map[int]string // fetched, by sound
	Size  int            // of a recording,
	File  string         // its file,
	Long  time.Duration  // and length
}

// result walks on with what a look-up has brought.
func (t *turn) result(r looked) {
	a := t.Ask
	t.Ask = nil
	switch {
	case a.Then != nil:
		t.fetched(a, r)
	case a.Record != nil && r.Found.Failed == "":
		t.tape(*a.Record)
	case a.Tape != nil:
		t.Tape = ""
		t.feed(walk.Recorded{File: r.File, Length: r.Long, Size: r.Size, Failed: r.Found.Failed})
	default:
		t.feed(r.Found)
	}
}

// fetched plays what has been fetched; what could not be is left out, and told.
func (t *turn) fetched(a *asking, r looked) {
	give := func(sounds []walk.Sound) (out []walk.Sound) {
		for i, x := range sounds {
			if file := r.Files[i]; file != "" {
				x.Kind, x.Text = "fetched", file
			} else if x.Kind == "file" {
				for _, f := range a.Fetch {
					if f.Sound == i {
						x.Kind, x.Text = "", "" // nothing
					}
				}
			}
			if x.Kind != "" {
				out = append(out, x)
			}
		}
		return out
	}
	if p := a.Then.Play; p != nil {
		p.Sounds = give(p.Sounds)
		t.play(*p)
	} else if q := a.Then.Ask; q != nil {
		q.Sounds = give(q.Sounds)
		t.question(*q)
	}
	if r.Found.Failed != "" {
		t.Unsaid = r.Found.Failed
	}
	t.settle()
}

// lookUp is the function that runs beside the call. It touches nothing of it.
func (a *App) lookUp(q asking, e *edition) func(context.Context) b2bua.Event {
	return func(ctx context.Context) b2bua.Event { return a.bring(ctx, q, e) }
}

// bring does what is asked for, and waits for it.
func (a *App) bring(ctx context.Context, q asking, e *edition) looked {
	began := time.Now()
	out := looked{Seq: q.Seq}
	source := "recording"
	switch {
	case q.Unfit != "":
		source, out.Found.Failed = "hook", q.Unfit
	case q.Then != nil:
		source = "fetch"
		out.Files, out.Found = a.fetch(ctx, q.Fetch)
	case q.Record != nil:
		if err := os.MkdirAll(filepath.Dir(q.Tape.File), 0o750); err != nil {
			out.Found.Failed = err.Error()
		}
	case q.Tape != nil:
		finished(ctx, q.Tape, &out)
	case q.Look != nil:
		source = q.Look.Source
		out.Found = a.repeated(ctx, q.Look.Timeout, q.Look.Retries, q.Look.Wait, func(ctx context.Context) (walk.Found, bool) { return a.source(ctx, *q.Look, e) })
	case q.Hook != nil:
		source = "hook"
		out.Found = a.repeated(ctx, q.Hook.Timeout, q.Hook.Retries, q.Hook.Wait, func(ctx context.Context) (walk.Found, bool) {
			return a.http(ctx, q.Hook.Method, q.Hook.URL, q.Hook.Headers, q.Body)
		})
	case q.Move != nil:
		out.Found = a.move(*q.Move, e)
	case q.Notify != nil:
		ctx, cancel := context.WithTimeout(ctx, notifyTime)
		defer cancel()
		source = "message_waiting"
		if a.deps.Notifier == nil {
			out.Found.Failed = "nobody can be told of messages here"
		} else if err := a.deps.Notifier.Notify(ctx, q.Side, *q.Notify); err != nil {
			out.Found.Failed = "message waiting: " + err.Error()
		}
	}
	result := "found"
	switch {
	case out.Found.Failed != "":
		result = "failed"
	case out.Found.Missing:
		result = "missing"
	}
	a.deps.Metrics.lookups.WithLabelValues(a.cfg.Name, source, result).Observe(time.Since(began).Seconds())
	return out
}

// notifyTime bounds how long phones are waited for.
const notifyTime = 4 * time.Second

// Notifier tells phones of messages that wait (RFC 3842), from a side.
type Notifier interface {
	Notify(ctx context.Context, side string, n walk.Notify) error
}

// repeated asks until there is an answer, or all tries are used up. again says that another try may help.
func (a *App) repeated(ctx context.Context, timeout time.Duration, retries int, wait time.Duration, ask func(context.Context) (f walk.Found, again bool)) walk.Found {
	ctx, cancel := context.WithTimeout(ctx, holdLimit-5*time.Second)
	defer cancel()
	for try := 0; ; try++ {
		one, done := context.WithTimeout(ctx, timeout)
		f, again := ask(one)
		late := one.Err() != nil
		done()
		if f.Failed != "" && late {
			f.Failed = fmt.Sprintf("no answer in %s: %s", timeout, f.Failed)
		}
		if !again || try >= retries || ctx.Err() != nil {
			return f
		}
		timer := time.NewTimer(max(wait, 10*time.Millisecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return f
		}
	}
}

// Bounds of what a source may answer.
const (
	maxAnswer = 256 << 10
	maxSound  = 32 << 20
)

// http makes one request; an answer of JSON is data, any other a text.
func (a *App) http(ctx context.Context, method, url string, headers [][2]string, body []byte) (walk.Found, bool) {
	failed := func(err error) (walk.Found, bool) { return walk.Found{Failed: err.Error()}, true }
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return walk.Found{Failed: err.Error()}, false
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		r.Header.Set(h[0], h[1])
	}
	res, err := a.deps.HTTP.Do(r)
	if err != nil {
		return failed(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return failed(err)
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return walk.Found{Missing: true}, false
	case res.StatusCode >= 300:
		return walk.Found{Failed: fmt.Sprintf("%s %s answers %s", method, url, res.Status)}, res.StatusCode >= 500
	case len(data) > maxAnswer:
		return walk.Found{Failed: fmt.Sprintf("%s %s answers more than %d bytes", method, url, maxAnswer)}, false
	case len(bytes.TrimSpace(data)) == 0:
		return walk.Found{}, false
	}
	var v any
	if json.Unmarshal(data, &v) != nil {
		v = string(data)
	}
	return walk.Found{Data: flow.Bound(v)}, false
}

// fetch gets recordings and keeps them for the time being.
func (a *App) fetch(ctx context.Context, list []fetch) (map[int]string, walk.Found) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	files := map[int]string{}
	var failed error
	for _, f := range list {
		file, err := a.cached(ctx, f.URL)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		files[f.Sound] = file
	}
	if failed != nil {
		return files, walk.Found{Failed: failed.Error()}
	}
	return files, walk.Found{}
}

const fetchTime = 5 * time.Second

// finished looks at a recording; one that is still written is waited for.
func finished(ctx context.Context, t *tape, out *looked) {
	out.File, out.Long = t.File, t.Long
	deadline := time.Now().Add(2 * time.Second)
	for last := int64(-1); ; {
		size := int64(-1)
		for _, ext := range []string{"", ".wav", ".amr", ".awb"} {
			if info, err := os.Stat(t.File + ext); err == nil && info.Mode().IsRegular() {
				size, out.File = info.Size(), t.File+ext
				break
			}
		}
		if size >= 0 && (size == last || !t.Waits) {
			out.Size = int(size)
			return
		}
		if last = size; time.Now().After(deadline) || ctx.Err() != nil {
			if size < 0 {
				out.Found.Failed = "the recording " + t.File + " is not there"
			}
			out.Size = int(max(size, 0))
			return
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
