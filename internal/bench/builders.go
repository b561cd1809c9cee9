package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/torrust/tracker-deployer/internal/adversary"
)

// goTask is the version of go-task that is measured.
const goTask = "v3.54.0"

// installGoTask builds go-task into the user's cache, once, and returns the
// program.
func installGoTask(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "torrust-tracker-deployer", "bench", "task-"+goTask)
	program := filepath.Join(dir, "task")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	fmt.Println("installing go-task into", dir)
	install := visible(ctx, "go", "install", "github.com/go-task/task/v3/cmd/task@"+goTask)
	install.Env = append(os.Environ(), "GOBIN="+dir)
	if err := install.Run(); err != nil {
		return "", fmt.Errorf("go install task: %w", err)
	}
	return program, nil
}

// A builder is a tool that the adversary's build can be written for.
type builder struct {
	name string
	file string // its file, relative to the directory of the build
	text func(dir string, b adversary.Build) (string, error)
	argv func(b adversary.Build) []string
}

// Write writes the tool's file.
func (t builder) Write(dir string, b adversary.Build) error {
	text, err := t.text(dir, b)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, t.file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// Command returns the command that builds.
func (t builder) Command(_ string, b adversary.Build) *exec.Cmd {
	argv := t.argv(b)
	return exec.Command(argv[0], argv[1:]...)
}

// errCannotSay is a build that a tool has no words for.
var errCannotSay = errors.New("the tool cannot say this")

// builders are the tools of the table, this program first.
func (b *bench) builders() []builder {
	return []builder{
		{"this program", "environments/e.star", starlarkFile, func(d adversary.Build) []string {
			return []string{b.program, "pages", "e", "title=" + d.Title}
		}},
		{"go-task", "Taskfile.yml", taskFile, func(d adversary.Build) []string {
			return []string{b.task, "pages", "TITLE=" + d.Title}
		}},
		{"ninja", "build.ninja", ninjaFile, func(adversary.Build) []string { return []string{"ninja"} }},
		{"make", "Makefile", makeFile, func(d adversary.Build) []string { return []string{"make", "-s", "TITLE=" + d.Title} }},
	}
}

func starlarkFile(_ string, b adversary.Build) (string, error) {
	return fmt.Sprintf(`first = task(name = "first", run = ["first"], inputs = ["head.src"], outputs = ["build/head.txt"])
theme = %q
task(
    name = "pages", run = ["pages", %q, theme, arg("title")], args = {"title": option(str)},
    inputs = glob(["in/*.txt", "other/*.txt"]) + ["link", first], outputs = ["build/pages"], env = {"MODE": %q},
)
`, b.Theme, b.Style, b.Mode), nil
}

func taskFile(_ string, b adversary.Build) (string, error) {
	return fmt.Sprintf(`version: '3'
vars:
  THEME: %s
tasks:
  first:
    cmds: [first]
    sources: [head.src]
    generates: [build/head.txt]
  pages:
    deps: [first]
    env: {MODE: %s}
    cmds: ["pages %s {{.THEME}} {{.TITLE}}"]
    sources: ["in/*.txt", "other/*.txt", link, build/head.txt]
    generates: ["build/pages/*"]
`, b.Theme, b.Mode, b.Style), nil
}

// ninjaFile has the inputs as they are: ninja has no globs. That it names their
// directories as well lets it see when one is added.
func ninjaFile(dir string, b adversary.Build) (string, error) {
	inputs := []string{"link", "build/head.txt", "in", "other"}
	for _, pattern := range []string{"in/*.txt", "other/*.txt"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		for _, path := range found {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return "", err
			}
			if strings.Contains(name, "\n") {
				return "", errCannotSay
			}
			inputs = append(inputs, strings.NewReplacer("$", "$$", " ", "$ ", ":", "$:").Replace(name))
		}
	}
	return fmt.Sprintf(`theme = %s
rule first
  command = first
rule pages
  command = MODE=%s pages %s $theme %s
build build/head.txt: first head.src
build build/pages: pages %s
default build/pages
`, b.Theme, b.Mode, b.Style, b.Title, strings.Join(inputs, " ")), nil
}

func makeFile(dir string, b adversary.Build) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "in", "*"))
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(strings.Join(found, ""), " \n\t") {
		return "", errCannotSay
	}
	return fmt.Sprintf(`THEME = %s
export MODE = %s
build/pages: $(wildcard in/*.txt other/*.txt) link build/head.txt
	pages %s $(THEME) $(TITLE)
build/head.txt: head.src
	first
`, b.Theme, b.Mode, b.Style), nil
}
