package simulated

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// maxContent is how much of a file that differs is sent back.
const maxContent = 256 << 10

// at returns where the machine's file name is on disk.
func (m *Machine) at(name string) string {
	return filepath.Join(m.dir, "root", filepath.FromSlash(path.Clean("/"+name)))
}

func (m *Machine) file(s *state, q hosts.FileQuery) (*hosts.FileFact, error) {
	info, err := os.Lstat(m.at(q.Path))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return &hosts.FileFact{}, nil
	}
	if err != nil {
		return nil, err
	}
	kept := s.meta(q.Path, info.IsDir())
	fact := &hosts.FileFact{Mode: kept.Mode, Owner: kept.Owner, Group: kept.Group, Size: info.Size()}
	switch {
	case info.IsDir():
		fact.Type, fact.Version, fact.Size = "directory", "directory", 0
		return fact, nil
	case info.Mode()&fs.ModeSymlink != 0:
		fact.Type, fact.Version = "link", "link"
		return fact, nil
	case !info.Mode().IsRegular():
		fact.Type, fact.Version = "other", "other"
		return fact, nil
	}
	fact.Type = "file"
	data, err := os.ReadFile(m.at(q.Path))
	if err != nil {
		return nil, err
	}
	fact.Version = m.version(data, q.Secret != nil)
	differs := false
	if q.Secret != nil {
		fact.Same = bytes.Equal(data, q.Secret)
		differs = !fact.Same
	} else {
		fact.Digest = digest(data)
		fact.Same = fact.Digest == q.Digest
		differs = q.Digest != "" && !fact.Same
	}
	if differs {
		fact.Content = data[:min(len(data), maxContent)]
	}
	return fact, nil
}

// version is what Replaces compares: "s:" and a plain digest, or "k:" and a
// digest under the machine's key for a file that holds secrets.
func (m *Machine) version(data []byte, secret bool) string {
	if !secret {
		return "s:" + digest(data)
	}
	h := sha256.New()
	h.Write([]byte("the key of simulated machine " + m.host))
	h.Write(data)
	return "k:" + hex.EncodeToString(h.Sum(nil))
}

// meta returns mode and owner of a file or directory.
func (s *state) meta(name string, dir bool) meta {
	if kept, ok := s.Files[path.Clean("/"+name)]; ok {
		return kept
	}
	if dir {
		return meta{"0755", "root", "root"}
	}
	return meta{"0644", "root", "root"}
}

// setMeta records mode and owner and reports whether they were others.
func (s *state) setMeta(name string, dir bool, want meta) bool {
	if s.meta(name, dir) == want {
		return false
	}
	s.Files[path.Clean("/"+name)] = want
	return true
}

func wanted(mode, owner, group, otherwise string) meta {
	want := meta{mode, owner, group}
	if want.Mode == "" {
		want.Mode = otherwise
	}
	if want.Owner == "" {
		want.Owner = "root"
	}
	if want.Group == "" {
		want.Group = "root"
	}
	return want
}

func (m *Machine) writeFile(s *state, o hosts.WriteFile) (bool, error) {
	at := m.at(o.Path)
	want := wanted(o.Mode, o.Owner, o.Group, "0644")
	current, err := m.current(at)
	if err != nil {
		return false, err
	}
	if current.regular && bytes.Equal(current.data, o.Content) {
		return s.setMeta(o.Path, false, want), nil
	}
	if o.Replaces != nil && !m.replaces(current, *o.Replaces) {
		return false, hosts.ErrChanged
	}
	if current.version == "directory" {
		return false, errors.New("is a directory")
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return false, plain(err)
	}
	s.setMeta(o.Path, false, want)
	if o.InPlace && current.regular {
		return true, plain(os.WriteFile(at, o.Content, 0o644))
	}
	return true, plain(replace(at, o.Content))
}

// found is what is at a path before it is written.
type found struct {
	version string // "" = nothing; "directory", "link", "other", "file"
	regular bool
	data    []byte
}

func (m *Machine) current(at string) (found, error) {
	info, err := os.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return found{}, nil
	case err != nil:
		return found{}, plain(err)
	case info.IsDir():
		return found{version: "directory"}, nil
	case info.Mode()&fs.ModeSymlink != 0:
		return found{version: "link"}, nil
	case !info.Mode().IsRegular():
		return found{version: "other"}, nil
	}
	data, err := os.ReadFile(at)
	return found{version: "file", regular: true, data: data}, plain(err)
}

func (m *Machine) replaces(f found, version string) bool {
	if !f.regular {
		return f.version == version
	}
	return m.version(f.data, strings.HasPrefix(version, "k:")) == version
}

func (m *Machine) makeDirectory(s *state, o hosts.MakeDirectory) (bool, error) {
	at := m.at(o.Path)
	want := wanted(o.Mode, o.Owner, o.Group, "0755")
	info, err := os.Stat(at)
	if err == nil && !info.IsDir() {
		return false, errors.New("there is a file of that name")
	}
	if err == nil {
		return !o.Once && s.setMeta(o.Path, true, want), nil
	}
	// Its owner is kept before it is there: with Once nobody looks again.
	s.setMeta(o.Path, true, want)
	if err := m.save(s); err != nil {
		return false, plain(err)
	}
	return true, plain(os.MkdirAll(at, 0o755))
}

func (m *Machine) remove(s *state, name string) (bool, error) {
	name = path.Clean("/" + name)
	if name == "/" {
		return false, errors.New("the root directory is not removed")
	}
	for kept := range s.Files {
		if kept == name || strings.HasPrefix(kept, name+"/") {
			delete(s.Files, kept)
		}
	}
	if _, err := os.Lstat(m.at(name)); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return true, plain(os.RemoveAll(m.at(name)))
}

func (m *Machine) move(s *state, o hosts.Move) (bool, error) {
	from, to := path.Clean("/"+o.From), path.Clean("/"+o.To)
	if _, err := os.Lstat(m.at(from)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if info, err := os.Lstat(m.at(to)); err == nil && (!info.IsDir() || os.Remove(m.at(to)) != nil) {
		return false, fmt.Errorf("there is something at %s already", to)
	}
	if err := os.MkdirAll(m.at(path.Dir(to)), 0o755); err != nil {
		return false, plain(err)
	}
	var gone []string
	for name, kept := range maps.Clone(s.Files) {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			s.Files[to+rest] = kept
			gone = append(gone, name)
		}
	}
	// Owners are kept before it is there: what was moved is not looked at again.
	if err := m.save(s); err != nil {
		return false, plain(err)
	}
	if err := os.Rename(m.at(from), m.at(to)); err != nil {
		return false, plain(err)
	}
	for _, name := range gone {
		delete(s.Files, name)
	}
	return true, nil
}

// plain takes the path on the operator's disk out of an error.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s: %w", le.Op, le.Err)
	}
	return err
}
