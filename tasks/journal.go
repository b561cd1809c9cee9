package tasks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// compactAbove is the size in bytes below which opening never rewrites the
// file; above it does where less than half of it still counts.
const compactAbove = 1 << 20

// A Journal is the append-only file of records of one environment. While it
// is open for writing it holds the environment's local lock.
//
// A frame of an operation on a machine is on disk before the operation begins
// and after it ended. Frames of local tasks are written then, too, and reach
// the disk with the next sync, at the latest at the end of the run: what a
// failing disk forgets of them is done again.
//
// Its methods are safe for concurrent use.
type Journal struct {
	lock   sync.Mutex
	file   *os.File
	size   int64 // of what is written whole
	dirty  bool  // something is not synced
	begun  bool  // a run began since it was opened; the next one goes on with it
	buffer []byte
}

// ErrBusy is another run of the same environment on this computer.
var ErrBusy = errors.New("another run of this environment is going on")

// ReadRecords reads the journal at path and writes nothing. A file that is not
// there is empty, and so is what follows a torn or damaged frame.
func ReadRecords(path string) (Records, error) {
	r := newRecords()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	_, err = r.scan(data)
	return r, err
}

// OpenJournal opens the journal at path for one run, creating it, cutting off a
// torn tail, and rewriting it where it has grown or is of an older format. It
// returns ErrBusy when another process has it open.
func OpenJournal(path string) (*Journal, Records, error) {
	f, err := createLocked(path)
	if err != nil {
		return nil, newRecords(), err
	}
	return readJournal(path, f)
}

// createLocked is openLocked, which makes the directory first.
func createLocked(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return openLocked(path)
}

// readJournal reads the journal at path, which f has locked.
func readJournal(path string, f *os.File) (*Journal, Records, error) {
	r := newRecords()
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, r, errors.Join(err, f.Close())
	}
	found, err := r.scan(data)
	if err != nil {
		return nil, r, errors.Join(err, f.Close())
	}
	j, err := found.open(path, f, len(data), &r)
	return j, r, err
}

// open makes the journal of a locked file of that size, which was scanned to r.
func (found scanned) open(path string, f *os.File, size int, r *Records) (*Journal, error) {
	j := &Journal{file: f, size: int64(found.good)}
	if err := j.prepare(path, found, size, r); err != nil {
		return nil, errors.Join(err, j.file.Close())
	}
	return j, nil
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

// prepare cuts a torn tail off, heads a new file, and rewrites one that has an
// older format or that has grown. Where there is no room for a second file the
// one that there is goes on growing.
func (j *Journal) prepare(path string, found scanned, size int, r *Records) error {
	if found.old && found.good > 0 {
		return j.rewrite(path, r)
	}
	if found.good < size {
		if err := j.file.Truncate(int64(found.good)); err != nil {
			return err
		}
	}
	if found.good == 0 {
		return j.add(header())
	}
	if found.good < compactAbove || found.good < 2*found.live {
		return nil
	}
	if err := j.rewrite(path, r); !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	return nil
}

// rewrite replaces the file with one that holds r and nothing else.
func (j *Journal) rewrite(path string, r *Records) error {
	next, err := os.CreateTemp(filepath.Dir(path), ".journal-*")
	if err != nil {
		return err
	}
	n := &Journal{file: next}
	err = unix.Flock(int(next.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = n.add(header(), r.frames()...)
	}
	if err == nil {
		err = n.Sync()
	}
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		_ = next.Close()
		return errors.Join(err, os.Remove(next.Name()))
	}
	old := j.file
	j.file, j.size, j.dirty = n.file, n.size, false
	return old.Close()
}

// Prune drops what is recorded of nodes that keep refuses and returns their
// ids, sorted. The journal was opened at path, with the records r.
func (j *Journal) Prune(path string, r *Records, keep func(node string) bool) ([]string, error) {
	gone := r.drop(keep)
	if len(gone) == 0 {
		return nil, nil
	}
	return gone, j.rewrite(path, r)
}

// sure writes frames and waits until they are on disk.
func (j *Journal) sure(frames ...frame) error {
	if err := j.append(frames...); err != nil {
		return err
	}
	return j.Sync()
}

// append writes frames in one piece.
func (j *Journal) append(frames ...frame) error {
	return j.add(nil, frames...)
}

// add writes head and frames. What could be written only in part is taken
// back, so that what follows can be read.
func (j *Journal) add(head []byte, frames ...frame) error {
	j.lock.Lock()
	defer j.lock.Unlock()
	b := append(j.buffer[:0], head...)
	for _, f := range frames {
		b = f.append(b)
	}
	j.buffer = b[:0]
	if _, err := j.file.Write(b); err != nil {
		return errors.Join(err, j.file.Truncate(j.size))
	}
	j.size += int64(len(b))
	j.dirty = true
	return nil
}

// Sync waits until everything that was written is on disk.
func (j *Journal) Sync() error {
	j.lock.Lock()
	defer j.lock.Unlock()
	if !j.dirty {
		return nil
	}
	j.dirty = false
	return j.file.Sync()
}

// Close releases the lock, also where a child that is just being started still
// has a copy of the file.
func (j *Journal) Close() error {
	return errors.Join(unix.Flock(int(j.file.Fd()), unix.LOCK_UN), j.file.Close())
}
