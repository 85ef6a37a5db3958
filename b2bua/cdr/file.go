package cdr

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Rotate says when a File begins anew: at a Size in bytes, at an Age of its first record; 0 never. Of the older ones Keep stay, 0 is all.
type Rotate struct {
	Size int64
	Age  time.Duration
	Keep int
}

// File is a Store of JSON lines. A group is written with one write and reaches the disk before Commit returns. A line that was torn
// by a full disk is taken back. When it is opened, calls that have a start and no stop, and whose process is gone, get their
// stop with the cause node-failure. Another program may move the file away: it is made anew.
type File struct {
	path   string
	rotate Rotate
	f      *os.File
	plain  bool // a regular file: not a pipe, terminal or device
	size   int64
	since  time.Time
	open   map[uint64][]byte // lines of calls that have not ended
	buf    bytes.Buffer

	// Orphans is how many calls OpenFile closed, Shared that another process writes to the same file, so that it closed none.
	Orphans int
	Shared  bool
}

// openSuffix is of the file beside the records that has the starts of calls that were open when they were rotated.
const openSuffix = ".open"

// OpenFile opens or makes a file of records, and closes orphans.
func OpenFile(path string, r Rotate) (*File, error) {
	f := &File{path: path, rotate: r, open: map[uint64][]byte{}}
	var seen time.Time
	if st, err := os.Stat(path); err == nil {
		seen = st.ModTime()
	}
	if err := f.begin(); err != nil {
		return nil, err
	}
	if !f.plain {
		return f, nil
	}
	if f.Shared = unix.Flock(int(f.f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; f.Shared {
		return f, nil
	}
	if err := f.adopt(seen); err != nil {
		_ = f.f.Close()
		return nil, fmt.Errorf("close orphans in %s: %w", path, err)
	}
	return f, nil
}

// Output is a Store that writes to w and does nothing else: standard output.
func Output(w io.Writer) Store { return output{json.NewEncoder(w)} }

type output struct{ e *json.Encoder }

func (o output) Commit(group []Record) (int, error) {
	for i := range group {
		if err := o.e.Encode(&group[i]); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (output) Alive(time.Time) error { return nil }

func (output) Close() error { return nil }

// begin opens the file at its path.
func (f *File) begin() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o640)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a pipe may not be read
		file, err = os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	}
	if err != nil {
		return err
	}
	st, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	f.f, f.plain, f.size, f.since = file, st.Mode().IsRegular(), st.Size(), time.Now()
	return nil
}

// adopt reads what an earlier process left and ends its calls.
func (f *File) adopt(seen time.Time) error {
	if old, err := os.Open(f.path + openSuffix); err == nil {
		f.scan(old)
		_ = old.Close()
	}
	if last := f.scan(f.f); last != '\n' && last != 0 { // torn by a crash: the next record begins a line
		n, err := f.f.WriteString("\n")
		if f.size += int64(n); err != nil {
			return err
		}
	}
	var group []Record
	for _, line := range f.open {
		var r Record
		if json.Unmarshal(line, &r) == nil {
			group = append(group, Orphan(r, seen))
		}
	}
	clear(f.open)
	slices.SortFunc(group, func(a, b Record) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Call, b.Call)) })
	f.Orphans = len(group)
	if _, err := f.Commit(group); err != nil {
		return err
	}
	return f.keepOpen()
}

// scan notes which calls are open after the records of a reader; it returns the last byte.
func (f *File) scan(r io.Reader) (last byte) {
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			last = line[len(line)-1]
			f.note(line)
		}
		if err != nil {
			return last
		}
	}
}

// note follows the calls that are open.
func (f *File) note(line []byte) {
	var r struct {
		Kind Kind   `json:"record"`
		Call uint64 `json:"call"`
	}
	if json.Unmarshal(line, &r) != nil {
		return
	}
	switch r.Kind {
	case Start:
		f.open[r.Call] = bytes.Clone(line)
	case Stop, Attempt:
		delete(f.open, r.Call)
	}
}

// Commit appends a group.
func (f *File) Commit(group []Record) (int, error) {
	if len(group) == 0 {
		return 0, nil
	}
	if err := f.turn(time.Now()); err != nil {
		return 0, err
	}
	f.buf.Reset()
	e, refused := json.NewEncoder(&f.buf), 0
	for i := range group {
		at := f.buf.Len()
		if e.Encode(&group[i]) != nil { // a number that is none
			f.buf.Truncate(at)
			refused++
			continue
		}
		switch group[i].Kind {
		case Start:
			f.open[group[i].Call] = bytes.Clone(f.buf.Bytes()[at:])
		default:
			delete(f.open, group[i].Call)
		}
	}
	n, err := f.f.Write(f.buf.Bytes())
	if err == nil && f.plain {
		err = unix.Fdatasync(int(f.f.Fd()))
	}
	if err != nil {
		if f.plain && n > 0 {
			_ = f.f.Truncate(f.size)
		}
		return 0, err
	}
	f.size += int64(n)
	return refused, nil
}

// turn begins a new file when it is time, or when the old one was moved away.
func (f *File) turn(now time.Time) error {
	if !f.plain {
		return nil
	}
	here, err := os.Stat(f.path)
	mine, myErr := f.f.Stat()
	moved := err != nil || myErr != nil || !os.SameFile(here, mine)
	due := f.rotate.Size > 0 && f.size >= f.rotate.Size || f.rotate.Age > 0 && f.size > 0 && now.Sub(f.since) >= f.rotate.Age
	if !moved && !due {
		return nil
	}
	if err := f.keepOpen(); err != nil {
		return err
	}
	if !moved {
		if err := os.Rename(f.path, f.aside(now)); err != nil {
			return err
		}
	}
	old := f.f
	if err := f.begin(); err != nil {
		f.f = old
		return err
	}
	if !f.Shared {
		_ = unix.Flock(int(f.f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	_ = old.Close()
	f.thin()
	return nil
}

// aside is the name of a file that is full: cdr-20261126T093000.000Z.jsonl.
func (f *File) aside(now time.Time) string {
	ext := filepath.Ext(f.path)
	base := strings.TrimSuffix(f.path, ext) + "-" + now.UTC().Format("20060102T150405.000Z")
	name := base + ext
	for i := 1; ; i++ {
		if _, err := os.Lstat(name); err != nil {
			return name
		}
		name = fmt.Sprintf("%s.%d%s", base, i, ext)
	}
}

// thin removes the oldest files beyond those to keep.
func (f *File) thin() {
	if f.rotate.Keep <= 0 {
		return
	}
	ext := filepath.Ext(f.path)
	old, err := filepath.Glob(strings.TrimSuffix(f.path, ext) + "-[0-9]*Z*" + ext)
	if err != nil {
		return
	}
	slices.Sort(old)
	for _, name := range old[:max(0, len(old)-f.rotate.Keep)] {
		_ = os.Remove(name)
	}
}

// keepOpen writes the starts of open calls beside the records, for the file they stand in may be moved away.
func (f *File) keepOpen() error {
	if f.Shared {
		return nil
	}
	name := f.path + openSuffix
	if len(f.open) == 0 {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	var b []byte
	for _, line := range f.open {
		b = append(b, line...)
	}
	if err := os.WriteFile(name+".new", b, 0o640); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// Alive renews the file's time of change, by which a later start knows until when this process lived.
func (f *File) Alive(now time.Time) error {
	if !f.plain {
		return nil
	}
	return os.Chtimes(f.path, time.Time{}, now)
}

// Close closes the file.
func (f *File) Close() error {
	if f.plain && !f.Shared && len(f.open) == 0 {
		_ = os.Remove(f.path + openSuffix)
	}
	return f.f.Close()
}
