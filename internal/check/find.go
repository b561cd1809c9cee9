package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// Patterns are the tests of a project, relative to its root.
func Patterns() []string { return []string{"tests/*.txtar", "tests/*.star", "lib/*_test.star"} }

// A FileError is a file that holds no tests.
type FileError struct {
	File string
	Why  string
}

// Error says why the file is none.
func (e *FileError) Error() string { return fmt.Sprintf("%q: %s", e.File, e.Why) }

// Hint says what tests are.
func (e *FileError) Hint() string { return "tests are " + strings.Join(Patterns(), ", ") }

// Find returns the tests in files, absolute paths below o.Root; without files,
// those that Patterns match, which may be none. A *FileError is a file that is
// not there or is of another kind. A Starlark file that does not evaluate is a
// test that fails.
func Find(ctx context.Context, o Options, files []string) ([]Test, error) {
	if len(files) == 0 {
		files = matches(o.Root)
	}
	var tests []Test
	var needs []string
	for _, file := range files {
		name, err := filepath.Rel(o.Root, file)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(file); err != nil {
			return nil, &FileError{name, why(err)}
		}
		switch filepath.Ext(file) {
		case ".txtar":
			if needs == nil {
				needs = needed(ctx, o.Root)
			}
			tests = append(tests, Test{name, func(ctx context.Context) Result { return runScript(ctx, name, o, needs) }})
		case ".star":
			tests = append(tests, units(ctx, o.Root, filepath.ToSlash(name))...)
		default:
			return nil, &FileError{name, "neither NAME.txtar nor NAME.star"}
		}
	}
	return tests, nil
}

func why(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

func matches(root string) []string {
	var files []string
	for _, p := range Patterns() {
		found, _ := filepath.Glob(filepath.Join(root, p)) // the patterns are well-formed
		files = append(files, found...)
	}
	slices.Sort(files)
	return files
}

// units returns the tests of a Starlark file.
func units(ctx context.Context, root, file string) []Test {
	list, err := eval.UnitTests(ctx, eval.Options{Root: root, File: file})
	if err != nil {
		return []Test{broken(file, err)}
	}
	var tests []Test
	for _, u := range list {
		tests = append(tests, unit(file, u))
	}
	return tests
}
