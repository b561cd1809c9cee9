package adversary

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Row is something that happens to a clean build.
type Row struct {
	Name string
	// Before, where it is set, adds files before the first build.
	Before func(dir string) error
	// Change is what happens.
	Change func(dir string, b *Build) error
	// Kill, where it is set, is when a build after the change is killed:
	// "half" or "whole" of pages' output is written by then.
	Kill string
	// Undo, where it is set, comes after that and takes the change back.
	Undo func(dir string, b *Build) error
	// Runs are the steps that have to run, no others; sorted.
	Runs []string
}

// Rows returns the table.
func Rows() []Row {
	both, second := []string{First, Pages}, []string{Pages}
	return []Row{
		{Name: "nothing", Change: nothing},
		{Name: "variable changed", Change: set(func(b *Build) { b.Theme = "light" }), Runs: second},
		{Name: "command changed", Change: set(func(b *Build) { b.Style = "fancy" }), Runs: second},
		{Name: "environment changed", Change: set(func(b *Build) { b.Mode = "debug" }), Runs: second},
		{Name: "parameter changed", Change: set(func(b *Build) { b.Title = "two" }), Runs: second},
		{Name: "input edited", Change: write("in/a.txt", "another length\n"), Runs: second},
		{Name: "input edited, size and time restored", Change: disguise("in/a.txt", "ALPHA\n"), Runs: second},
		{Name: "input replaced by another file, size and time restored", Change: replace("in/a.txt", "ALPHA\n"), Runs: second},
		{Name: "input touched", Change: touch("in/a.txt")},
		{Name: "input moved to another directory, same base name", Change: move("in/b.txt", "other/b.txt"), Runs: second},
		{Name: "input renamed in case only", Change: move("in/a.txt", "in/A.txt"), Runs: second},
		{Name: "input added", Change: write("in/z.txt", "omega\n"), Runs: second},
		{Name: "input removed", Change: remove("in/b.txt"), Runs: second},
		{Name: "mode of an input changed", Change: mode("in/a.txt", 0o755), Runs: second},
		{Name: "link led elsewhere", Change: relink("data/2"), Runs: second},
		{Name: "what a link leads to edited", Change: disguise("data/1", "ONE\n"), Runs: second},
		{Name: "output edited", Change: write("build/pages/body", "edited\n"), Runs: second},
		{Name: "output edited, size and time restored", Change: disguise("build/pages/body", "ALPHA\nbeta\ngamma\n"), Runs: second},
		{Name: "output deleted", Change: remove("build/pages/body"), Runs: second},
		{Name: "all output deleted", Change: remove("build"), Runs: both},
		{Name: "output directory gained a file", Change: write("build/pages/extra", "extra\n"), Runs: second},
		{Name: "tool replaced", Change: write("bin/pages", pages+"# another version\n"), Runs: second},
		{Name: "tool found elsewhere in PATH", Change: tool("early/pages"), Runs: second},
		{Name: "output of a dependency changed", Change: write("head.src", "HEAD\ncomment\n"), Runs: both},
		{Name: "dependency makes the same output", Change: write("head.src", "head\nremark\n"), Runs: []string{First}},
		{Name: "output of a dependency edited", Change: disguise("build/head.txt", "HEAD\n"), Runs: []string{First}},
		{Name: "killed in the middle", Change: write("in/a.txt", "ALPHA\n"), Kill: "half", Runs: second},
		{Name: "killed between output and record", Change: write("in/a.txt", "ALPHA\n"), Kill: "whole", Runs: second},
		{
			Name: "killed in the middle, and the change taken back", Change: write("in/a.txt", "ALPHA\n"),
			Kill: "half", Undo: write("in/a.txt", "alpha\n"), Runs: second,
		},
		{Name: "10,000 inputs, one edited, size and time restored", Before: many, Change: disguise("in/5000.txt", "EDITED\n"), Runs: second},
		{Name: "10,000 inputs, one removed", Before: many, Change: remove("in/9999.txt"), Runs: second},
		{Name: "odd names, one edited", Before: odd, Change: disguise("in/"+oddNames()[1], "EDITED\n"), Runs: second},
		{Name: "odd name added", Change: write("in/"+oddNames()[2], "odd\n"), Runs: second},
		{Name: "name that is not UTF-8 added", Change: write("in/\xff\xfe.txt", "odd\n"), Runs: second},
	}
}

// oddNames are names that are hard on whoever prints or splits them.
func oddNames() []string {
	return []string{"a b.txt", "new\nline.txt", "100%s%20.txt", "-rf.txt", "qu'ote\".txt", "$HOME.txt", "tab\t.txt", "*.txt"}
}

func odd(dir string) error {
	for _, name := range oddNames() {
		if err := os.WriteFile(filepath.Join(dir, "in", name), []byte("edited\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func many(dir string) error {
	for i := range 10_000 {
		if err := os.WriteFile(filepath.Join(dir, "in", fmt.Sprintf("%04d.txt", i)), []byte("edited\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

type change = func(dir string, b *Build) error

func nothing(string, *Build) error { return nil }

func set(f func(*Build)) change {
	return func(_ string, b *Build) error { f(b); return nil }
}

// write writes a file in place.
func write(name, text string) change {
	return func(dir string, _ *Build) error {
		path := filepath.Join(dir, name)
		mode := os.FileMode(0o644)
		if info, err := os.Stat(path); err == nil {
			mode = info.Mode().Perm()
		}
		return os.WriteFile(path, []byte(text), mode)
	}
}

// disguise writes a file in place so that its size and its time of modification
// are what they were.
func disguise(name, text string) change {
	return func(dir string, _ *Build) error {
		return disguised(filepath.Join(dir, name), text, func(path string) error {
			return os.WriteFile(path, []byte(text), 0o644)
		})
	}
}

// replace is disguise by another file that takes the name.
func replace(name, text string) change {
	return func(dir string, _ *Build) error {
		return disguised(filepath.Join(dir, name), text, func(path string) error {
			if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		})
	}
}

func disguised(path, text string, change func(path string) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() != int64(len(text)) {
		return fmt.Errorf("%s has %d bytes, not %d", path, info.Size(), len(text))
	}
	if err := change(path); err != nil {
		return err
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}

// touch gives a file the time of now.
func touch(name string) change {
	return func(dir string, _ *Build) error {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o644)
	}
}

func move(from, to string) change {
	return func(dir string, _ *Build) error {
		return os.Rename(filepath.Join(dir, from), filepath.Join(dir, to))
	}
}

func remove(name string) change {
	return func(dir string, _ *Build) error { return os.RemoveAll(filepath.Join(dir, name)) }
}

func mode(name string, m os.FileMode) change {
	return func(dir string, _ *Build) error { return os.Chmod(filepath.Join(dir, name), m) }
}

func relink(to string) change {
	return func(dir string, _ *Build) error {
		if err := os.Remove(filepath.Join(dir, "link")); err != nil {
			return err
		}
		return os.Symlink(to, filepath.Join(dir, "link"))
	}
}

// tool puts a program where PATH finds it before the other.
func tool(name string) change {
	return func(dir string, _ *Build) error {
		text := strings.Replace(pages, "set -e", "set -e # another one", 1)
		return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)
	}
}
