package cache

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Digest is the sha256 of the bytes of a file.
type Digest [sha256.Size]byte

// A File is something at a path as it was read.
type File struct {
	Path     string
	Follow   bool // it is what the link at Path leads to
	Identity Identity
	Link     string // where a symbolic link leads, as it says
	Digest   Digest // of a regular file
}

func (f File) key() string { return keyOf(f.Path, f.Follow) }

func compareFile(a, b File) int {
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	return cmp.Compare(b2i(a.Follow), b2i(b.Follow))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// read returns everything at and below paths, sorted, with the digests of
// files. Nothing at a path is a File too. With follow, what links lead to is
// listed as well.
func (t *Tree) read(paths []string, follow bool) (files []File, err error) {
	for range patience {
		files, err = t.readOnce(paths, follow)
		if !errors.Is(err, fs.ErrNotExist) { // what was listed is gone: somebody works there
			return files, err
		}
	}
	return files, err
}

func (t *Tree) readOnce(paths []string, follow bool) ([]File, error) {
	w := walk{tree: t, follow: follow}
	for _, p := range paths {
		if err := w.add(p, nil); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(w.files, compareFile)
	files := slices.CompactFunc(w.files, func(a, b File) bool { return compareFile(a, b) == 0 })
	errs := make([]error, len(files))
	InParallel(len(files), 1, func(i int) {
		if files[i].Identity.is(unix.S_IFREG) {
			errs[i] = t.digest(&files[i])
		}
	})
	return files, errors.Join(errs...)
}

// A walk lists files.
type walk struct {
	tree   *Tree
	follow bool
	files  []File
}

// add lists path; within are the directories that it is in, so that a link to
// one of them ends the walk there.
func (w *walk) add(path string, within []Identity) error {
	id, err := w.tree.identity(path, false)
	if err != nil {
		return err
	}
	f := File{Path: path, Identity: id}
	if !id.is(unix.S_IFLNK) {
		w.files = append(w.files, f)
		return w.below(path, id, within)
	}
	if f.Link, err = os.Readlink(w.tree.absolute(path)); err != nil {
		return err
	}
	w.files = append(w.files, f)
	if !w.follow {
		return nil
	}
	if id, err = w.tree.identity(path, true); err != nil {
		return err
	}
	w.files = append(w.files, File{Path: path, Follow: true, Identity: id})
	return w.below(path, id, within)
}

// below lists what is in a directory.
func (w *walk) below(path string, id Identity, within []Identity) error {
	same := func(o Identity) bool { return o.Inode == id.Inode && o.Device == id.Device }
	if !id.is(unix.S_IFDIR) || slices.ContainsFunc(within, same) {
		return nil
	}
	dir, err := os.Open(w.tree.absolute(path))
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close() // it was only read
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.add(path+"/"+name, append(within, id)); err != nil {
			return err
		}
	}
	return nil
}

// patience is how often what changes while it is read is read again.
const patience = 5

// digest fills in the digest of a regular file, and its identity where the
// file has another one by now.
func (t *Tree) digest(f *File) error {
	key := f.key()
	t.lock.Lock()
	known, ok := t.digests[key]
	t.lock.Unlock()
	if ok && known.identity == f.Identity && f.Identity.Settled(known.at) {
		f.Digest = known.digest
		return nil
	}
	for range patience {
		at := time.Now()
		before, after, sum, err := t.hash(f.Path)
		if err != nil {
			return err
		}
		if before != after {
			continue
		}
		f.Identity, f.Digest = after, sum
		t.remember(key, digested{after, sum, at})
		return nil
	}
	return fmt.Errorf("%s changes all the time", f.Path)
}

func (t *Tree) remember(key string, d digested) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.digests[key] = d
}

// buffers are for reading files; one is in use per file that is read.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, 64<<10)
	return &p
}

// hash reads the file at path and returns its identities before and after.
func (t *Tree) hash(path string) (before, after Identity, sum Digest, err error) {
	// What became a pipe or a device meanwhile must not be waited for.
	file, err := os.OpenFile(t.absolute(path), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return before, after, sum, err
	}
	defer file.Close()
	if before, err = opened(file); err != nil {
		return before, after, sum, err
	}
	if !before.is(unix.S_IFREG) {
		return before, after, sum, fmt.Errorf("%s is a %s now", path, before.kind())
	}
	h := sha256.New()
	buffer := t.buffers.get()
	defer t.buffers.pool.Put(buffer)
	if _, err = io.CopyBuffer(onlyWriter{h}, onlyReader{file}, *buffer); err != nil {
		return before, after, sum, err
	}
	h.Sum(sum[:0])
	after, err = opened(file)
	return before, after, sum, err
}

// onlyReader and onlyWriter keep io.CopyBuffer from passing the buffer by.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

func opened(f *os.File) (Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Identity{}, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return identityOf(&st), nil
}
