package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A sourceFile is a Starlark file of a project, as commands about files see it.
type sourceFile struct {
	place
	data []byte
}

// path returns where f is, absolute.
func (f sourceFile) path() string { return filepath.Join(f.root, filepath.FromSlash(f.file)) }

// entry reports whether f is an environment file rather than a library.
func (l place) entry() bool { return filepath.ToSlash(filepath.Dir(l.file)) == "environments" }

// sources reads the files that words name, each once: an environment, a path,
// or a directory with everything in it. No words are the whole project.
func (p *program) sources(named []string) ([]sourceFile, error) {
	if len(named) == 0 {
		root, ok := p.project()
		if !ok {
			return nil, usage("no directory environments here or above").hint("name the files, or `%s create NAME` makes a project", programName)
		}
		named = []string{root}
	}
	var places []place
	for _, word := range named {
		found, err := p.sourcesAt(word)
		if err != nil {
			return nil, err
		}
		places = append(places, found...)
	}
	var list []sourceFile
	seen := map[place]bool{}
	for _, at := range places {
		if seen[at] {
			continue
		}
		seen[at] = true
		f := sourceFile{place: at}
		var err error
		if f.data, err = os.ReadFile(f.path()); err != nil {
			return nil, usage("%w", err)
		}
		list = append(list, f)
	}
	return list, nil
}

func (p *program) sourcesAt(word string) ([]place, error) {
	path := p.path(word)
	info, err := os.Stat(path)
	directory := err == nil && info.IsDir()
	if !strings.ContainsAny(word, "/.") || err != nil && strings.HasSuffix(word, ".star") {
		at, err := p.find(word)
		if err == nil || !directory {
			return []place{at}, err
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage("there is no file or directory %q", word)
	case err != nil:
		return nil, usage("%w", err)
	case directory:
		return sourcesUnder(path)
	case !strings.HasSuffix(word, ".star"):
		return nil, usage("%q is not a Starlark file", word).hint("its name would end in .star")
	}
	at, err := placeOf(path)
	return []place{at}, err
}

// sourcesUnder returns the Starlark files under a directory, sorted, without
// hidden directories; links are not followed.
func sourcesUnder(dir string) ([]place, error) {
	var list []place
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return usage("%w", err)
		case e.IsDir() && path != dir && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !e.Type().IsRegular() || !strings.HasSuffix(path, ".star"):
			return nil
		}
		at, err := placeOf(path)
		list = append(list, at)
		return err
	})
	slices.SortFunc(list, func(a, b place) int { return strings.Compare(a.root+"/"+a.file, b.root+"/"+b.file) })
	return list, err
}

// placeOf returns the place of a file by its absolute path.
func placeOf(path string) (place, error) {
	root := eval.FindRoot(path)
	file, err := filepath.Rel(root, path)
	if err != nil {
		return place{}, usage("%w", err)
	}
	return place{root, filepath.ToSlash(file)}, nil
}
