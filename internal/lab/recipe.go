package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// recipe says how an artefact, a directory of files, is made.
type recipe struct {
	name  string   // first part of the artefact's directory name
	title string   // for people
	takes string   // for people, on two cores: "about 2 minutes"
	input []string // everything that decides the result, in a fixed order
	build func(context.Context, *job) error
}

// key is the directory name of the artefact. It changes with every input.
func (r recipe) key() string {
	sum := sha256.New()
	for _, in := range r.input {
		// The length keeps {"ab", "c"} and {"a", "bc"} apart.
		fmt.Fprintf(sum, "%d\n%s\n", len(in), in)
	}
	return r.name + "-" + hex.EncodeToString(sum.Sum(nil))[:12]
}

// artefact returns the directory of what r describes and builds it first if
// it is not there. Artefacts of older recipes are left alone: the disk of
// some machine may be based on them.
func (l *Lab) artefact(ctx context.Context, r recipe) (string, error) {
	dir := filepath.Join(l.dir, r.key())
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return "", fmt.Errorf("lab directory: %w", err)
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	// Another process may have built it while this one waited.
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := l.make(ctx, r, dir); err != nil {
		return "", fmt.Errorf("%s: %w", r.title, err)
	}
	return dir, nil
}

// make builds r beside its final place and moves it there when it is whole.
func (l *Lab) make(ctx context.Context, r recipe, dir string) error {
	start := time.Now()
	logFile := dir + ".log"
	l.say("building %s, %s (log: %s)", r.title, r.takes, logFile)
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()

	j := &job{log: log}
	// A process that was killed may have left its directory, and a program that
	// still fills it: that one loses its ground, and this build has its own.
	old, err := filepath.Glob(dir + ".tmp-*")
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := j.remove(ctx, path); err != nil {
			return err
		}
	}
	if j.dir, err = os.MkdirTemp(l.dir, r.key()+".tmp-"); err != nil {
		return err
	}
	if err := os.Chmod(j.dir, 0o755); err != nil {
		return err
	}
	if err := r.build(ctx, j); err != nil {
		return errors.Join(err, j.remove(context.WithoutCancel(ctx), j.dir))
	}
	if err := syncTree(j.dir); err != nil {
		return err
	}
	if err := os.Rename(j.dir, dir); err != nil {
		return err
	}
	if err := syncFile(l.dir); err != nil {
		return err
	}
	l.say("%s is ready after %s", r.title, time.Since(start).Round(time.Second))
	return nil
}

// lockFile takes an exclusive lock on path and returns how to give it back.
// It waits for other holders until ctx ends. The file stays: removing it would
// let two processes lock two different files.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s is held by another process: %w", path, ctx.Err())
		case <-poll.C:
		}
	}
}

// syncTree makes every file and directory below dir durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || (!d.IsDir() && !d.Type().IsRegular()) {
			return err
		}
		return syncFile(path)
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
