package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A place is where an environment file is.
type place struct {
	root string // project root, absolute
	file string // relative to root, with slashes
}

// beside returns the absolute path of a file that belongs to the environment:
// environments/NAME.age.
func (l place) beside(extension string) string {
	return strings.TrimSuffix(filepath.Join(l.root, l.file), ".star") + extension
}

// find returns where the environment called env is: a path, or a name that
// stands for environments/NAME.star of the project around the working
// directory.
func (p *program) find(env string) (place, error) {
	if strings.ContainsRune(env, '/') || strings.HasSuffix(env, ".star") {
		return p.findFile(p.path(env), env)
	}
	root, ok := p.project()
	if !ok {
		return place{}, usage("there is no environment %q: no directory environments here or above", env).
			hint("`%s create %s` makes one", programName, env)
	}
	file := filepath.Join("environments", env+".star")
	if _, err := os.Stat(filepath.Join(root, file)); err != nil {
		return place{}, unknownEnvironment(env, root, err)
	}
	return place{root, filepath.ToSlash(file)}, nil
}

func (p *program) findFile(path, typed string) (place, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return place{}, usage("there is no environment file %q", typed)
	}
	root := eval.FindRoot(path)
	file, err := filepath.Rel(root, path)
	if err != nil {
		return place{}, usage("environment file %q: %w", typed, err)
	}
	return place{root, filepath.ToSlash(file)}, nil
}

func unknownEnvironment(env, root string, cause error) error {
	if !errors.Is(cause, fs.ErrNotExist) {
		return usage("environment %q: %w", env, cause)
	}
	known := environmentsIn(root)
	err := usage("there is no environment %q in %s", env, filepath.Join(root, "environments"))
	if s := builtins.Suggest(env, known); s != "" {
		return err.hint("did you mean %q?", s)
	}
	if len(known) > 0 {
		return err.hint("there are %s", strings.Join(known, ", "))
	}
	return err.hint("`%s create %s` makes one", programName, env)
}

// project returns the root of the project around the working directory: the
// nearest directory that holds environments/.
func (p *program) project() (string, bool) {
	for dir := filepath.Clean(p.Dir); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "environments")); err == nil && info.IsDir() {
			return dir, true
		}
		if dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

// environmentsIn returns the names of the environments of a project, sorted.
func environmentsIn(root string) []string {
	files, _ := filepath.Glob(filepath.Join(root, "environments", "*.star")) // the pattern is well-formed
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".star"))
	}
	slices.Sort(names)
	return names
}
