package watching

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/fsnotify/fsnotify"
	"github.com/torrust/tracker-deployer/tasks/cache"
)

// follow watches the directories that the set needs, as they are now, and lets
// go of the others.
func (w *Watcher) follow() error {
	wanted := map[string]bool{}
	for _, f := range w.set.Files {
		w.around(w.abs(f.Path), wanted)
	}
	for _, g := range w.set.Globs {
		for _, pattern := range g.Include {
			w.below(pattern, g.Exclude, wanted)
		}
	}
	for _, dir := range slices.Collect(maps.Keys(wanted)) { // one above may be moved away with all in it
		for dir != w.root && strings.HasPrefix(dir, w.root+"/") {
			dir = filepath.Dir(dir)
			wanted[dir] = true
		}
	}
	list := w.notify.WatchList() // without those that went away
	for dir, id := range w.watched {
		if !slices.Contains(list, dir) {
			delete(w.watched, dir)
			continue
		}
		now, err := w.directory(dir)
		if !wanted[dir] || err != nil || now != id { // another one stands there now
			delete(w.watched, dir)
			err := w.notify.Remove(dir)
			gone := errors.Is(err, fsnotify.ErrNonExistentWatch) || errors.Is(err, syscall.EINVAL) // with its directory
			if err != nil && !gone {
				return err
			}
		}
	}
	for dir := range wanted {
		if _, ok := w.watched[dir]; ok {
			continue
		}
		id, err := w.directory(dir)
		if err != nil {
			continue // gone again; the watch above it tells when it comes back
		}
		if err := w.notify.Add(dir); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		} else if err != nil {
			return limit(err)
		}
		w.watched[dir] = id
	}
	return nil
}

// directory returns which directory stands at a path.
func (w *Watcher) directory(dir string) (cache.Identity, error) {
	id, err := w.tree.Ask(dir, true)
	if err == nil && !id.Exists() {
		err = fs.ErrNotExist
	}
	return cache.Identity{Inode: id.Inode, Device: id.Device}, err
}

// around adds what has to be watched to notice what happens to a path: the
// directory that it is in, or the nearest one that exists; where it is a link,
// the directory of what it leads to; where it is a directory, all in it.
func (w *Watcher) around(path string, wanted map[string]bool) {
	parent := filepath.Dir(path)
	dir := existing(parent)
	wanted[dir] = true
	if dir != parent {
		return
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return
	}
	if real != path {
		wanted[filepath.Dir(real)] = true
	}
	if info, err := os.Stat(real); err == nil && info.IsDir() {
		w.walk(real, -1, nil, wanted)
	}
}

// below adds the directories where files that match a pattern may be.
func (w *Watcher) below(pattern string, exclude []string, wanted map[string]bool) {
	base, rest := doublestar.SplitPattern(path.Clean(pattern))
	depth := strings.Count(rest, "/")
	if strings.Contains(rest, "**") {
		depth = -1
	}
	dir := w.abs(base)
	if near := existing(dir); near != dir {
		wanted[near] = true
		return
	}
	w.walk(dir, depth, exclude, wanted)
}

// walk adds a directory and those in it, down to a depth; -1 is all of them.
// Links are not followed.
func (w *Watcher) walk(dir string, depth int, exclude []string, wanted map[string]bool) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil // what cannot be read cannot be watched either
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel != "." && (e.Name() == ".git" || depth >= 0 && strings.Count(rel, "/")+1 > depth || w.excluded(path, exclude)) {
			return fs.SkipDir
		}
		wanted[path] = true
		return nil
	})
}

// excluded reports whether nothing in a directory can be found.
func (w *Watcher) excluded(dir string, exclude []string) bool {
	rel, err := filepath.Rel(w.root, dir)
	return err == nil && slices.ContainsFunc(exclude, func(p string) bool {
		all, ok := strings.CutSuffix(p, "/**")
		return ok && doublestar.MatchUnvalidated(path.Clean(all), filepath.ToSlash(rel))
	})
}
