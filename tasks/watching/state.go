package watching

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/torrust/tracker-deployer/tasks/cache"
)

// A state is what a file was: a digest, "" where there is none, and how it was
// known to be the same without reading it again.
type state struct {
	text        string
	contentOnly bool
	id          cache.Identity
	seen        time.Time // when text was made; zero = not from the file
}

// look returns the state of a path now. What has the identity that it had at
// an earlier look, and had it for a while then, is not read again.
func (w *Watcher) look(path string, old state) state {
	path = w.abs(path)
	s := state{contentOnly: old.contentOnly, seen: time.Now()}
	info, err := os.Stat(path)
	if err != nil {
		return s
	}
	s.id, err = w.tree.Ask(path, true)
	if err != nil {
		return s
	}
	if !info.IsDir() && !old.seen.IsZero() && old.id == s.id && s.id.Settled(old.seen) {
		return old
	}
	switch {
	case info.IsDir() && !old.contentOnly:
		s.text = treeDigest(path)
	case info.Mode().IsRegular():
		s.text = digest(path)
		if !old.contentOnly && s.text != "" {
			s.text += fmt.Sprintf(" %v", info.Mode())
		}
	}
	return s
}

// digest returns the SHA-256 of a file, "" where it cannot be read.
func digest(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// treeDigest returns a digest of everything in a directory.
func treeDigest(dir string) string {
	h := sha256.New()
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is as if it were not there
		}
		switch {
		case e.Type().IsRegular():
			if info, err := e.Info(); err == nil {
				fmt.Fprintf(h, "%q %v %s\n", path, info.Mode(), digest(path))
			}
		case e.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			fmt.Fprintf(h, "%q -> %q\n", path, target)
		default:
			fmt.Fprintf(h, "%q %v\n", path, e.Type())
		}
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))
}

// differs reports whether something of the set is not what it was.
func (w *Watcher) differs() bool {
	for path, old := range w.states {
		now := w.look(path, old)
		if now.text != old.text {
			return true
		}
		w.states[path] = now
	}
	return slices.ContainsFunc(w.set.Globs, func(g Glob) bool { return !slices.Equal(w.globs[g.key()], g.find()) })
}

// compare returns what is not what it was, and takes it for what it is now.
func (w *Watcher) compare() []Change {
	found := map[string]How{}
	for path, old := range w.states {
		now := w.look(path, old)
		if now.text != old.text {
			found[path] = how(old.text != "", now.text != "")
		}
		w.states[path] = now
	}
	for _, g := range w.set.Globs {
		old, now := w.globs[g.key()], g.find()
		w.globs[g.key()] = now
		for _, p := range old {
			if !slices.Contains(now, p) {
				found[p] = Removed
			}
		}
		for _, p := range now {
			if !slices.Contains(old, p) {
				found[p] = Added
			}
		}
	}
	changes := make([]Change, 0, len(found))
	for path, h := range found {
		changes = append(changes, Change{path, h})
	}
	slices.SortFunc(changes, func(a, b Change) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	return changes
}

func how(was, is bool) How {
	switch {
	case !was:
		return Added
	case !is:
		return Removed
	}
	return Edited
}
