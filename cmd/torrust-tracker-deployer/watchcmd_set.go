package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/watching"
)

// setOfReads returns what to watch of an evaluation that read so much.
func setOfReads(root string, reads []environments.Read) watching.Set {
	var set watching.Set
	for _, r := range reads {
		switch {
		case r.Include != nil:
			set.Globs = append(set.Globs, globOf(root, r))
		case !strings.HasPrefix(r.Path, builtins.LibraryPrefix):
			set.Files = append(set.Files, watching.File{Path: r.Path, Read: &r.Digest})
		}
	}
	return set
}

// globOf returns the patterns of a read. Where they find something else by now,
// all of it counts as new.
func globOf(root string, r environments.Read) watching.Glob {
	g := watching.Glob{Include: r.Include, Exclude: r.Exclude, Find: func() ([]string, error) { return eval.Match(root, r) }}
	found, err := g.Find()
	sum := sha256.Sum256([]byte(strings.Join(found, "\x00")))
	if err != nil || hex.EncodeToString(sum[:]) != r.Digest {
		found = []string{}
	}
	g.Found = append([]string{}, found...)
	return g
}

// watched returns everything that the selected nodes rest on.
func (d *deployment) watchSet(s tasks.Selection) watching.Set {
	set := setOfReads(d.root, d.env.Reads)
	known := map[string]bool{}
	for _, f := range set.Files {
		known[f.Path] = true
	}
	add := func(path string) {
		if path != "" && !known[path] {
			known[path] = true
			set.Files = append(set.Files, watching.File{Path: path})
		}
	}
	for _, t := range d.env.Tasks {
		if s.Nodes["task:"+t.Name] {
			for _, in := range t.Inputs {
				add(in.Path)
			}
		}
	}
	for _, f := range d.env.Files {
		if s.Nodes["file:"+f.Name] && f.Source != nil {
			add(f.Source.Path)
		}
	}
	add(d.beside(".age"))
	add(d.beside(".known_hosts"))
	return set
}

// written returns what a run of the selected nodes writes itself.
func (d *deployment) written(s tasks.Selection) []string {
	paths := []string{d.beside(".age"), d.beside(".known_hosts")}
	for _, t := range d.env.Tasks {
		if s.Nodes["task:"+t.Name] {
			paths = append(paths, t.Outputs...)
		}
	}
	return paths
}

// joinSets returns what is in one of two sets; b says what was read last.
func joinSets(a, b watching.Set) watching.Set {
	known := map[string]bool{}
	for _, f := range b.Files {
		known[f.Path] = true
	}
	for _, f := range a.Files {
		if !known[f.Path] {
			b.Files = append(b.Files, watching.File{Path: f.Path, Read: f.Read})
		}
	}
	b.Globs = append(b.Globs, a.Globs...)
	return b
}

func countFiles(set watching.Set) string {
	n := len(set.Files)
	for _, g := range set.Globs {
		n += len(g.Found)
	}
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}
