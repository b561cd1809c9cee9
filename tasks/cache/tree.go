package cache

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Tree looks at files: those below a root, and those at absolute paths. It
// is safe for concurrent use.
type Tree struct {
	root    *os.File
	search  []string // directories for tools
	buffers buffers

	lock    sync.Mutex
	look    map[string]*seenAt // while a look goes on, nil otherwise
	sight   *Sight             // what the next look goes on from, nil = nothing
	began   time.Time          // when the look began
	digests map[string]digested
	places  map[string]place
}

// A seenAt is what a look found at a path.
type seenAt struct {
	identity Identity
	known    bool
}

// A digested file was read at a time.
type digested struct {
	identity Identity
	digest   Digest
	at       time.Time
}

// Open returns a tree of the directory root whose tools are looked for in the
// directories of path, a list as in the variable PATH; those that are not
// absolute are left out.
func Open(root, path string) (*Tree, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	t := &Tree{root: dir, digests: map[string]digested{}, places: map[string]place{}}
	for _, d := range filepath.SplitList(path) {
		if filepath.IsAbs(d) {
			t.search = append(t.search, filepath.Clean(d))
		}
	}
	return t, nil
}

// Look asks for the identities of everything that records name, several at a
// time, and remembers what it saw until the returned function is called:
// checks before that are about one moment. Where the tree was given a Sight the
// look goes on from that, and the moment is that of the sight.
func (t *Tree) Look(records []*Record) (end func()) {
	look, began := t.glimpsed()
	if look == nil {
		look, began = t.lookAt(records)
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.look, t.began = look, began
	return func() {
		t.lock.Lock()
		defer t.lock.Unlock()
		t.look = nil
		clear(t.places)
	}
}

// lookAt asks for everything that records name.
func (t *Tree) lookAt(records []*Record) (map[string]*seenAt, time.Time) {
	began := time.Now()
	keys := make([]string, 0, 2*len(records))
	seen := make(map[string]struct{}, 2*len(records))
	for _, r := range records {
		for f := range r.Files {
			key := f.key()
			if _, ok := seen[key]; !ok {
				seen[key] = struct{}{}
				keys = append(keys, key)
			}
		}
	}
	found := make([]seenAt, len(keys))
	InParallel(len(keys), 64, func(i int) {
		id, err := t.ask(keys[i])
		found[i] = seenAt{id, err == nil} // who needs another one asks again and gets the error
	})
	look := make(map[string]*seenAt, len(keys))
	for i, key := range keys {
		if found[i].known {
			look[key] = &found[i]
		}
	}
	return look, began
}

// InParallel calls do for 0 to n-1, on as many processors as there are, each of
// which takes a chunk at a time. It returns when all are done.
func InParallel(n, chunk int, do func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk)
	if workers < 2 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				end := int(next.Add(int64(chunk)))
				for i := end - chunk; i < min(end, n); i++ {
					do(i)
				}
				if end >= n {
					return
				}
			}
		})
	}
	group.Wait()
}

// identity returns the identity of a path, as the look saw it where one goes
// on.
func (t *Tree) identity(path string, follow bool) (Identity, error) {
	key := keyOf(path, follow)
	t.lock.Lock()
	seen := t.look[key]
	t.lock.Unlock()
	if seen != nil {
		return seen.identity, nil
	}
	id, err := t.ask(key)
	if err != nil {
		return id, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.look != nil {
		t.look[key] = &seenAt{id, true}
	}
	return id, nil
}

// keyOf returns the key of a path: followed paths end in a NUL byte, which no
// path has.
func keyOf(path string, follow bool) string {
	if follow {
		return path + "\x00"
	}
	return path
}

func (t *Tree) ask(key string) (Identity, error) {
	if n := len(key); n > 0 && key[n-1] == 0 {
		return identify(int(t.root.Fd()), key[:n-1], true)
	}
	return identify(int(t.root.Fd()), key, false)
}

// moment returns when what checks see was looked at, or a bit earlier.
func (t *Tree) moment() time.Time {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.look != nil {
		return t.began
	}
	return time.Now()
}

// absolute returns path as the process can open it.
func (t *Tree) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return t.root.Name() + "/" + path
}
