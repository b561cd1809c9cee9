// Package durable changes files so that a crash at any moment leaves the old
// content or the new one, never a mixture and never nothing.
//
// A change is three steps: take the lock of the directory, read what is there
// now, write. The lock is flock(2) on the directory itself, so that no lock
// file is left among files that people commit; the kernel gives it back when
// a process dies.
package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// pollEvery is how often a lock that somebody else holds is tried again.
// flock(2) itself would wait without listening to a context.
const pollEvery = 10 * time.Millisecond

// Lock takes the exclusive lock of dir, which must exist, and returns how to
// give it back. It waits for other holders, in this process or another one,
// until ctx ends. Where dir was removed or replaced meanwhile, the lock is that
// of the directory that has the name now.
func Lock(ctx context.Context, dir string) (unlock func(), err error) {
	return lock(ctx, dir, tryLock)
}

// MakeAndLock is Lock for a directory that is made, with this mode and with
// its parents, where it is missing.
func MakeAndLock(ctx context.Context, dir string, mode os.FileMode) (unlock func(), err error) {
	return lock(ctx, dir, func(dir string) (*os.File, error) {
		if err := os.MkdirAll(dir, mode); err != nil {
			return nil, err
		}
		f, err := tryLock(dir)
		if errors.Is(err, os.ErrNotExist) { // removed in this very moment
			return nil, nil
		}
		return f, err
	})
}

func lock(ctx context.Context, dir string, try func(string) (*os.File, error)) (unlock func(), err error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		f, err := try(dir)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if f != nil {
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: held by another run: %w", dir, ctx.Err())
		case <-tick.C:
		}
	}
}

// tryLock returns the locked directory, nil when somebody else holds it or
// the name went to another directory.
func tryLock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, f.Close()
	}
	locked, serr := f.Stat()
	now, nerr := os.Stat(dir)
	if err := errors.Join(err, serr, nerr); err != nil {
		f.Close()
		return nil, err
	}
	if !os.SameFile(locked, now) {
		return nil, f.Close()
	}
	return f, nil
}

// WriteFile makes path a file with this content and mode, durably, before it
// returns. The caller holds the lock of path's directory: the temporary file
// beside path has a fixed name, so that one left by a crash is overwritten by
// the next write instead of piling up.
func WriteFile(path string, content []byte, mode os.FileMode) error {
	dir, base := filepath.Split(path)
	temp := filepath.Join(dir, "."+base+".tmp")
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeTemp(temp, content, mode); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	return SyncDir(filepath.Dir(path))
}

func writeTemp(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode) // whatever the umask says
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncDir makes the names in dir durable: files that were created, renamed or
// removed.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Remove deletes a file durably, and the temporary file that a crash may have
// left beside it. One that is not there is fine.
func Remove(path string) error {
	dir, base := filepath.Split(path)
	err := errors.Join(
		ignoreMissing(os.Remove(path)),
		ignoreMissing(os.Remove(filepath.Join(dir, "."+base+".tmp"))),
	)
	if err != nil {
		return err
	}
	return ignoreMissing(SyncDir(filepath.Dir(path)))
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
