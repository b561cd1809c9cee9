package tasks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// journalFormat is the number in the first frame. A newer one is refused; an
// older one would be migrated here.
const journalFormat = 1

// compactAbove is the size in bytes above which opening rewrites the file.
const compactAbove = 1 << 20

// A frame is one line of the journal: checksum, space, JSON. A run is a
// "begin" that lists what it is going to change, an "intent" before and an
// "outcome" after the work on each node, and an "end".
type frame struct {
	Frame   string        `json:"frame"` // format, begin, intent, outcome, end
	Format  int           `json:"format,omitempty"`
	Nodes   []string      `json:"nodes,omitempty"` // of begin and intent
	Node    string        `json:"node,omitempty"`  // of outcome
	OK      bool          `json:"ok,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	At      time.Time     `json:"at,omitzero"`
	Targets []string      `json:"targets,omitempty"`
}

// Records are what earlier runs left: how long nodes took, and which were
// begun and not finished.
type Records struct {
	Durations map[string]time.Duration
	Pending   map[string]bool
	LastRun   time.Time // zero = never
}

// A Journal is the append-only file of records of one environment. While it
// is open for writing it holds the environment's local lock.
type Journal struct {
	file *os.File
}

// ErrBusy is another run of the same environment on this computer.
var ErrBusy = errors.New("another run of this environment is going on")

// ReadRecords reads the journal at path and writes nothing. A file that is not
// there is empty, and so is what follows a torn or damaged frame.
func ReadRecords(path string) (Records, error) {
	r := Records{Durations: map[string]time.Duration{}, Pending: map[string]bool{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	_, err = scan(data, r.add)
	return r, err
}

// OpenJournal opens the journal at path for one run, creating it, cutting off a
// torn tail and compacting it where it has grown. It returns ErrBusy when
// another process has it open.
func OpenJournal(path string) (*Journal, Records, error) {
	r := Records{Durations: map[string]time.Duration{}, Pending: map[string]bool{}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, r, err
	}
	f, err := openLocked(path)
	if err != nil {
		return nil, r, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, r, errors.Join(err, f.Close())
	}
	good, err := scan(data, r.add)
	if err != nil {
		return nil, r, errors.Join(err, f.Close())
	}
	j := &Journal{file: f}
	if err := j.prepare(path, good, len(data), r); err != nil {
		return nil, r, errors.Join(err, j.file.Close())
	}
	return j, r, nil
}

// openLocked opens path and locks it; the lock is on the file that the path
// names at that moment, since compaction replaces it.
func openLocked(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("%s: %w", path, ErrBusy)
		}
		opened, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		named, err := os.Stat(path)
		if err == nil && os.SameFile(opened, named) {
			return f, nil
		}
		_ = f.Close()
	}
}

// prepare cuts a torn tail off, writes the first frame of a new file, and
// replaces a file that has grown by its records alone.
func (j *Journal) prepare(path string, good, size int, r Records) error {
	if good < size {
		if err := j.file.Truncate(int64(good)); err != nil {
			return err
		}
	}
	if good == 0 {
		return j.append(frame{Frame: "format", Format: journalFormat})
	}
	if good < compactAbove {
		return nil
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".journal-*")
	if err != nil {
		return err
	}
	if err := unix.Flock(int(next.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(err, next.Close())
	}
	old := j.file
	j.file = next
	if err := j.append(r.frames()...); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return err
	}
	return old.Close()
}

// frames returns the frames that scan to r.
func (r Records) frames() []frame {
	frames := []frame{{Frame: "format", Format: journalFormat}}
	var pending []string
	for id := range r.Pending {
		pending = append(pending, id)
	}
	frames = append(frames, frame{Frame: "begin", Nodes: pending, At: r.LastRun})
	for id, took := range r.Durations {
		if !r.Pending[id] {
			frames = append(frames, frame{Frame: "outcome", Node: id, OK: true, Took: took})
		}
	}
	return frames
}

func (r *Records) add(f frame) {
	switch f.Frame {
	case "begin":
		r.LastRun = f.At
		for _, id := range f.Nodes {
			r.Pending[id] = true
		}
	case "outcome":
		if f.OK {
			delete(r.Pending, f.Node)
			r.Durations[f.Node] = f.Took
		}
	}
}

// scan calls add for each good frame and returns how many bytes they take.
func scan(data []byte, add func(frame)) (good int, err error) {
	for rest := data; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 9 {
			break
		}
		body := rest[9:end]
		if fmt.Sprintf("%08x ", crc32.ChecksumIEEE(body)) != string(rest[:9]) {
			break
		}
		var f frame
		if json.Unmarshal(body, &f) != nil {
			break
		}
		if f.Format > journalFormat {
			return good, fmt.Errorf("the records have format %d, this program reads up to %d", f.Format, journalFormat)
		}
		add(f)
		rest = rest[end+1:]
		good = len(data) - len(rest)
	}
	return good, nil
}

// append writes frames and syncs them once.
func (j *Journal) append(frames ...frame) error {
	w := bufio.NewWriter(j.file)
	for _, f := range frames {
		body, err := json.Marshal(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%08x %s\n", crc32.ChecksumIEEE(body), body)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return j.file.Sync()
}

// Close releases the lock.
func (j *Journal) Close() error { return j.file.Close() }
