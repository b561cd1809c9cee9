package adversary

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// first is the program of the first step: the first line of a file.
const first = `#!/bin/sh
set -e
echo first >>runs
mkdir -p build
head -n 1 head.src >build/head.txt
`

// pages is the program of the second step. Where it is told to, it stands
// still after half of its work, or after all of it.
const pages = `#!/bin/sh
set -e
echo pages >>runs
hang() {
	[ -e "hang.$1" ] || return 0
	: >reached
	while [ ! -e stop ]; do sleep 0.01; done
	: >gone
	exit 1
}
mkdir -p build/pages
rm -f build/pages/* build/pages/.[!.]*
echo "$MODE $1 $2 $3" >build/pages/head
hang half
cat build/head.txt link >>build/pages/head
find in other -name '*.txt' -type f -print0 | LC_ALL=C sort -z | xargs -0 cat -- >build/pages/body
hang whole
`

// prepare writes the files of the build and the tool's.
func (p *play) prepare(r Row) error {
	for _, dir := range []string{"bin", "early", "in", "other", "data"} {
		if err := os.MkdirAll(p.path(dir), 0o755); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{"bin/first", first, 0o755}, {"bin/pages", pages, 0o755},
		{"in/a.txt", "alpha\n", 0o644}, {"in/b.txt", "beta\n", 0o644}, {"other/c.txt", "gamma\n", 0o644},
		{"data/1", "one\n", 0o644}, {"data/2", "two\n", 0o644}, {"head.src", "head\ncomment\n", 0o644},
	} {
		if err := os.WriteFile(p.path(f.name), []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	if err := os.Symlink("data/1", p.path("link")); err != nil {
		return err
	}
	if r.Before != nil {
		if err := r.Before(p.dir); err != nil {
			return err
		}
	}
	return p.tool.Write(p.dir, p.build)
}

// wrong compares the output with what has to come out of the files as they are.
func (p *play) wrong() (string, error) {
	want, err := p.want()
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(p.path("build/pages"))
	if err != nil {
		return err.Error(), nil
	}
	for _, e := range entries {
		text, expected := want[e.Name()]
		if !expected {
			return fmt.Sprintf("build/pages has %q", e.Name()), nil
		}
		got, err := os.ReadFile(p.path("build/pages/" + e.Name()))
		if err != nil {
			return "", err
		}
		if string(got) != text {
			return fmt.Sprintf("build/pages/%s is %.60q, want %.60q", e.Name(), got, text), nil
		}
		delete(want, e.Name())
	}
	for name := range want {
		return "build/pages has no " + name, nil
	}
	return "", nil
}

// want computes the output.
func (p *play) want() (map[string]string, error) {
	source, err := os.ReadFile(p.path("head.src"))
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(source), "\n")
	link, err := os.ReadFile(p.path("link"))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, dir := range []string{"in", "other"} {
		entries, err := os.ReadDir(p.path(dir))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".txt") {
				paths = append(paths, dir+"/"+e.Name())
			}
		}
	}
	slices.Sort(paths)
	var body bytes.Buffer
	for _, name := range paths {
		data, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			return nil, err
		}
		body.Write(data)
	}
	b := p.build
	head := fmt.Sprintf("%s %s %s %s\n%s\n%s", b.Mode, b.Style, b.Theme, b.Title, line, link)
	return map[string]string{"head": head, "body": body.String()}, nil
}
