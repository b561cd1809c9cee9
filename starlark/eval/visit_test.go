package eval_test

import (
	"context"
	"slices"
	"testing"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// What glob() rests on is every directory that it lists, also one without a
// file that matches, and every path that it tries, also one where nothing is.
func TestReadsNameWhatGlobVisited(t *testing.T) {
	root := t.TempDir()
	write(t, root, "e.star", []byte(`task(name = "t", run = ["true"], inputs = glob(["a/**/*.md", "b/c", "d/*/x"]))`))
	for _, name := range []string{"a/1.md", "a/deep/2.md", "a/empty/3.txt", "d/e/y"} {
		write(t, root, name, nil)
	}
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
	if err != nil {
		t.Fatal(problemText(err))
	}
	for _, r := range e.Reads {
		if r.Include == nil {
			continue
		}
		for _, want := range []string{"a", "a/deep", "a/empty", "b/c", "d"} {
			if !slices.Contains(r.Visited, want) {
				t.Errorf("%q is not among what was visited: %q", want, r.Visited)
			}
		}
		return
	}
	t.Error("glob is not among the reads")
}
