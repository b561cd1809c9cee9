package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/torrust/tracker-deployer/environments"
)

// files reads the project and records every read. Nothing outside the root is
// reached, by symbolic links neither.
type files struct {
	root  *os.Root
	reads []environments.Read
	told  func(environments.Read) // of every read; nil = nobody
}

var errTooLarge = errors.New("larger than 16 MiB")

// maxRead is the size of the largest file that a built-in reads.
const maxRead = 16 << 20

// ReadFile returns the content of a file of the project.
func (f *files) ReadFile(name string) ([]byte, error) {
	data, err := f.read(name, maxRead)
	f.note(path.Clean(name), data)
	return data, err
}

// read returns the content of a regular file of at most limit bytes; one more
// byte is returned of a larger one.
func (f *files) read(name string, limit int64) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, plainError(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, plainError(err)
	}
	if info.IsDir() {
		return nil, errors.New("is a directory")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	buffer := bytes.NewBuffer(make([]byte, 0, min(info.Size(), limit)+bytes.MinRead))
	_, err = buffer.ReadFrom(io.LimitReader(file, limit+1))
	data := buffer.Bytes()
	if err == nil && limit == maxRead && int64(len(data)) > limit {
		err = errTooLarge
	}
	return data, plainError(err)
}

// plainError says in the words of a user why a file could not be read.
func plainError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied")
	case strings.Contains(err.Error(), "escapes"):
		return errors.New("is outside the project")
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (f *files) note(name string, data []byte) {
	digest := ""
	if data != nil {
		sum := sha256.Sum256(data)
		digest = hex.EncodeToString(sum[:])
	}
	r := environments.Read{Path: name, Digest: digest}
	if !slices.ContainsFunc(f.reads, func(x environments.Read) bool { return x.Path == r.Path && x.Include == nil }) {
		f.keep(r)
	}
}

// keep records a read and tells of it.
func (f *files) keep(r environments.Read) {
	f.reads = append(f.reads, r)
	if f.told != nil {
		f.told(r)
	}
}

// Match returns the files that match.
func (f *files) Match(include, exclude []string) ([]string, error) {
	for _, p := range slices.Concat(include, exclude) {
		if !doublestar.ValidatePattern(p) {
			return nil, fmt.Errorf("%q is not a pattern", p)
		}
	}
	var found []string
	visited := visitor{FS: f.root.FS(), names: map[string]bool{}}
	for _, p := range include {
		matches, err := doublestar.Glob(visited, path.Clean(p), doublestar.WithFilesOnly(), doublestar.WithNoFollow())
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p, plainError(err))
		}
		for _, m := range matches {
			if !excluded(m, exclude) {
				found = append(found, m)
			}
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	sum := sha256.Sum256([]byte(strings.Join(found, "\x00")))
	f.keep(environments.Read{
		Include: include, Exclude: exclude, Digest: hex.EncodeToString(sum[:]),
		Visited: slices.Sorted(maps.Keys(visited.names)),
	})
	return found, nil
}

// A visitor notes what is looked at.
type visitor struct {
	fs.FS
	names map[string]bool
}

// ReadDir lists a directory.
func (v visitor) ReadDir(name string) ([]fs.DirEntry, error) {
	v.names[name] = true
	return fs.ReadDir(v.FS, name)
}

// Stat looks at a path.
func (v visitor) Stat(name string) (fs.FileInfo, error) {
	v.names[name] = true
	return fs.Stat(v.FS, name)
}

func excluded(name string, patterns []string) bool {
	if strings.HasPrefix(name, ".git/") {
		return true
	}
	for _, p := range patterns {
		if doublestar.MatchUnvalidated(path.Clean(p), name) {
			return true
		}
	}
	return false
}
