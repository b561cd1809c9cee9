package check

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// needed returns the files of a project that its environments are made of,
// relative to its root: all in environments/ and lib/ but keys and pins, which
// are of real machines, and what the environments were seen to read or name as
// input. An environment that does not evaluate adds nothing: the test that
// uses it shows why.
func needed(ctx context.Context, root string) []string {
	files := []string{}
	for _, dir := range []string{"environments", "lib"} {
		_ = filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && filepath.Ext(path) != ".age" && filepath.Ext(path) != ".known_hosts" {
				rel, err := filepath.Rel(root, path)
				files = append(files, rel)
				return err
			}
			return nil // a directory that is not there or cannot be read has no files
		})
	}
	for _, f := range files {
		if filepath.Dir(f) != "environments" || filepath.Ext(f) != ".star" {
			continue
		}
		if env, err := eval.Load(ctx, eval.Options{Root: root, File: filepath.ToSlash(f)}); err == nil {
			files = append(files, inputs(env)...)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// inputs returns the files of the project that an environment names.
func inputs(env *environments.Environment) []string {
	var files []string
	for _, r := range env.Reads {
		if r.Path != "" && r.Digest != "" && !strings.HasPrefix(r.Path, "@") {
			files = append(files, r.Path)
		}
	}
	for _, f := range env.Files {
		if f.Source != nil && f.Source.Path != "" {
			files = append(files, f.Source.Path)
		}
	}
	for _, t := range env.Tasks {
		for _, in := range t.Inputs {
			if in.Path != "" {
				files = append(files, in.Path)
			}
		}
	}
	return files
}

// lay copies files of the project at root to dir; what is there already, from
// the archive of a test, stays. Files that are gone are left out.
func lay(root, dir string, files []string) error {
	for _, f := range files {
		to := filepath.Join(dir, f)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		info, err := os.Stat(filepath.Join(root, f))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, f))
		if err != nil {
			return err
		}
		err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, info.Mode().Perm()))
		if err != nil {
			return err
		}
	}
	return nil
}
