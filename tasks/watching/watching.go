// Package watching waits until one of a set of files changes.
//
//	w, _ := watching.New(root)
//	w.Watch(set)                  // files, and what patterns find
//	changes, _ := w.Next(ctx)     // blocks
//
// The kernel only says that something happened; what changed is found by
// comparing the files with what they were. So a file that an editor replaces, a
// file that goes and comes back, a directory that is moved away, and an event
// that got lost are all the same here, and a file that is written with the bytes
// it had is no change. Directories are watched and not files: a watch on a file
// ends where an editor puts a new one in its place.
package watching

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/torrust/tracker-deployer/tasks/cache"
)

// quiet is how long nothing may happen before a change is taken for whole:
// programs write several files, editors several times.
const quiet = 50 * time.Millisecond

// patience is how long a change is waited out where it does not end.
const patience = time.Second

// A Set is what is watched.
type Set struct {
	Files []File
	Globs []Glob
}

// A File is a file or a directory with all that is in it.
type File struct {
	Path string // relative to the root, or absolute
	// Read is the SHA-256 of the bytes that were read, in hexadecimal, "" where
	// there was no such file: whatever happened since then is a change, and the
	// file's mode is none. Nil is the file as it is when it is first watched.
	Read *string
}

// A Glob is what patterns find.
type Glob struct {
	Include []string
	Exclude []string
	Find    func() ([]string, error) // relative to the root, sorted
	Found   []string                 // what they found when they were read; nil = as it is when first watched
}

// A Change is what became of a path.
type Change struct {
	Path string `json:"path"` // as in the set
	How  How    `json:"how"`
}

// A How is what became of a file, as people say it.
type How string

// What may become of a file.
const (
	Edited  How = "changed"
	Added   How = "is new"
	Removed How = "is gone"
)

// A Watcher waits for changes. Its methods are called from one goroutine.
type Watcher struct {
	root   string
	notify *fsnotify.Watcher
	wake   chan struct{} // something happened
	closed sync.WaitGroup
	failed chan error

	set     Set
	states  map[string]state // by path
	globs   map[string][]string
	watched map[string]cache.Identity // directories
	tree    *cache.Tree
}

// New returns a watcher for paths that are relative to root. It watches nothing
// yet.
func New(root string) (*Watcher, error) {
	tree, err := cache.Open(root, "")
	if err != nil {
		return nil, err
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, limit(errors.Join(err, tree.Close()))
	}
	w := &Watcher{
		root: root, notify: notify, wake: make(chan struct{}, 1), failed: make(chan error, 1),
		states: map[string]state{}, globs: map[string][]string{}, watched: map[string]cache.Identity{}, tree: tree,
	}
	w.closed.Go(w.listen)
	return w, nil
}

// listen turns events into a wake-up call.
func (w *Watcher) listen() {
	for {
		select {
		case _, ok := <-w.notify.Events:
			if !ok {
				return
			}
		case err, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // what was lost is found by looking
				select {
				case w.failed <- err:
				default:
				}
			}
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Close ends the watching.
func (w *Watcher) Close() error {
	err := w.notify.Close()
	w.closed.Wait()
	return errors.Join(err, w.tree.Close())
}

// Watch replaces what is watched. What was watched before and is again is
// compared with what it was at the last Next, unless the set says what was read.
func (w *Watcher) Watch(set Set) error {
	w.set = set
	states := make(map[string]state, len(set.Files))
	globs := make(map[string][]string, len(set.Globs))
	if err := w.follow(); err != nil { // before looking, so that nothing is missed between
		return err
	}
	for _, f := range set.Files {
		old, known := w.states[f.Path]
		switch {
		case f.Read != nil && known && old.contentOnly && old.text == *f.Read:
			states[f.Path] = old
		case f.Read != nil:
			states[f.Path] = state{text: *f.Read, contentOnly: true}
		case known && !old.contentOnly:
			states[f.Path] = old
		default:
			states[f.Path] = w.look(f.Path, state{})
		}
	}
	for _, g := range set.Globs {
		old, known := w.globs[g.key()]
		switch {
		case g.Found != nil:
			globs[g.key()] = g.Found
		case known:
			globs[g.key()] = old
		default:
			globs[g.key()] = g.find()
		}
	}
	w.states, w.globs = states, globs
	return nil
}

func (g Glob) key() string {
	return strings.Join(g.Include, "\x00") + "\x00\x00" + strings.Join(g.Exclude, "\x00")
}

// find returns what the patterns find; nothing where they cannot be followed.
func (g Glob) find() []string {
	found, err := g.Find()
	if err != nil {
		return nil
	}
	return found
}

// Next waits until something of the set differs from what it was, and until
// that has come to rest. at reports whether it did so already when Next was
// called. The error is the context's, or that of a watch.
func (w *Watcher) Next(ctx context.Context) (changes []Change, at bool, err error) {
	for first := true; ; first = false {
		if err := w.follow(); err != nil {
			return nil, false, err
		}
		if w.differs() {
			if err := w.settle(ctx); err != nil {
				return nil, false, err
			}
			if changes := w.compare(); len(changes) > 0 {
				return changes, first, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		case err := <-w.failed:
			return nil, false, err
		case <-w.wake:
		}
	}
}

// settle waits until nothing happens for a moment.
func (w *Watcher) settle(ctx context.Context) error {
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		calm := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			calm.Stop()
			return context.Cause(ctx)
		case <-end.C:
			calm.Stop()
			return w.follow()
		case <-w.wake:
			calm.Stop()
		case <-calm.C:
			return w.follow()
		}
	}
}

// Absorb takes what is at or below paths for what it is now: no change.
func (w *Watcher) Absorb(paths []string) {
	within := func(path string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
	}
	for path, old := range w.states {
		if within(path) {
			w.states[path] = w.look(path, old)
		}
	}
	for _, g := range w.set.Globs {
		old, now := w.globs[g.key()], g.find()
		var list []string
		for _, p := range now {
			if within(p) || slices.Contains(old, p) {
				list = append(list, p)
			}
		}
		for _, p := range old {
			if !within(p) && !slices.Contains(now, p) {
				list = append(list, p)
			}
		}
		slices.Sort(list)
		w.globs[g.key()] = list
	}
}

// limit explains the error of a kernel that watches no more.
func limit(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
		return &limitError{err}
	}
	return err
}

type limitError struct{ cause error }

// Error says what there are too many of.
func (e *limitError) Error() string {
	return fmt.Sprintf("no more directories can be watched: %v", e.cause)
}

// Unwrap returns the cause.
func (e *limitError) Unwrap() error { return e.cause }

// Hint says how to raise the limit.
func (e *limitError) Hint() string {
	return "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl, or leave large directories out of glob()"
}

// abs returns where a path of the set is.
func (w *Watcher) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(w.root, path)
}

// existing returns the nearest directory at or above path.
func existing(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}
