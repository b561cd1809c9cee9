// Package memo remembers that a command line had nothing to do.
//
// A run that found everything as recorded leaves a [Memo]: what it was asked
// for (its Key) and the identity of every file and directory that the verdict
// rests on, from the environment file to the outputs. While all of them keep
// their identities, the same command line has nothing to do again, and nothing
// needs to be evaluated, planned or locked to know it.
//
// A memo never decides that something has to run: [Found.Holds] answers yes or
// "not known", and whoever is told the latter finds out the long way. It is not
// known whenever a memo is missing, damaged, of another program, or about a file
// that cannot be looked at. What a memo that does not hold is still good for is
// to guess what the long way will look at.
//
// An identity tells a later change only if the file's times are older than the
// moment at which somebody began to look, see cache.Identity.Settled. A memo
// with a younger file is not kept.
package memo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks/cache"
)

// A Memo is a run that had nothing to do.
type Memo struct {
	Key   string    // everything that the verdict depends on apart from files
	Root  string    // directory that relative paths are relative to
	Began time.Time // when the run began to look, with its monotonic clock
	Nodes int       // found as recorded

	// Files are what the verdict rests on, as they were seen at Began or
	// later; one path may be there several times.
	Files []cache.File
	// Appended are files to which whatever changes the verdict appends, under
	// a lock that the caller holds: they may be young.
	Appended []string
}

// A Store is a directory of memos. A zero Store keeps none.
type Store struct {
	Dir string // absolute
}

// most is how many memos a store keeps: command lines that somebody uses in
// turns. The oldest goes first.
const most = 64

// errYoung is a memo that cannot be trusted later.
var errYoung = errors.New("a file is too young")

// Keep writes a memo. One that could not be trusted later is left out without
// an error; an older one with its key goes.
func (s Store) Keep(m Memo) error {
	if s.Dir == "" {
		return nil
	}
	path := s.path(m.Key)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	entries, err := m.entries()
	if errors.Is(err, errYoung) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	s.makeRoom()
	return s.write(path, encode(m, entries))
}

// write puts a whole file in its place. It is not synced: what a crash leaves
// of it is damaged or missing, and therefore not known.
func (s Store) write(path string, data []byte) error {
	f, err := os.CreateTemp(s.Dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// A Found is a memo as it was kept, its entries still in bytes.
type Found struct {
	Nodes    int      // found as recorded
	Appended []string // as in the Memo

	offsets []byte
	entries []byte
}

// Find returns the memo of runs with this key, false where there is none.
func (s Store) Find(key string) (Found, bool) {
	if s.Dir == "" {
		return Found{}, false
	}
	data, err := os.ReadFile(s.path(key))
	if err != nil {
		return Found{}, false
	}
	return decode(data, key)
}

func (s Store) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.Dir, hex.EncodeToString(sum[:16]))
}

// makeRoom removes the oldest memos. What cannot be removed stays.
func (s Store) makeRoom() {
	list, err := os.ReadDir(s.Dir)
	if err != nil || len(list) < most {
		return
	}
	age := map[string]time.Time{}
	for _, e := range list {
		if info, err := e.Info(); err == nil {
			age[e.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(list, func(a, b os.DirEntry) int { return age[a.Name()].Compare(age[b.Name()]) })
	for _, e := range list[:len(list)-most+1] {
		_ = os.Remove(filepath.Join(s.Dir, e.Name()))
	}
}

// entries returns what has to be looked at again, each path once, sorted. Its
// error is errYoung where a later look would not tell.
func (m Memo) entries() ([]entry, error) {
	if wall := time.Now().Round(0).Sub(m.Began.Round(0)); (wall - time.Since(m.Began)).Abs() > time.Second {
		return nil, errYoung // the clock was set meanwhile
	}
	tree, err := cache.Open(m.Root, "")
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	list := make([]entry, 0, len(m.Files)+len(m.Appended))
	for _, f := range m.Files {
		if f.Identity.Exists() && !f.Identity.Settled(m.Began) {
			return nil, errYoung
		}
		list = append(list, entry{f.Path, f.Follow, f.Identity})
	}
	for _, path := range m.Appended {
		id, err := tree.Ask(path, true)
		if err != nil {
			return nil, err
		}
		list = append(list, entry{path, true, id})
	}
	slices.SortFunc(list, entry.compare)
	list = slices.Compact(list)
	for i := 1; i < len(list); i++ {
		if list[i-1].compare(list[i]) == 0 {
			return nil, errYoung // it was seen with two identities
		}
	}
	return list, nil
}

// An entry is a path and the identity that it had.
type entry struct {
	path   string
	follow bool
	id     cache.Identity
}

func (e entry) compare(o entry) int {
	if c := strings.Compare(e.path, o.path); c != 0 || e.follow == o.follow {
		return c
	}
	if e.follow {
		return 1
	}
	return -1
}
