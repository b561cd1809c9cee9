package eval

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// Who watches the files is told of them also where the evaluation goes wrong,
// and of those that are missing.
func TestReadsAreTold(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"environments/e.star": "load(\"//lib/good.star\", \"x\")\ntask(name = \"t\", run = [\"true\"], inputs = glob([\"in/*\"]))\nload(\"//lib/missing.star\", \"y\")\n",
		"lib/good.star":       "x = 1\n",
		"in/a":                "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	var glob environments.Read
	_, err := Load(t.Context(), Options{Root: dir, File: "environments/e.star", Read: func(r environments.Read) {
		if r.Include != nil {
			glob = r
			return
		}
		path := r.Path
		if r.Digest == "" {
			path += " (none)"
		}
		told = append(told, path)
	}})
	if err == nil {
		t.Fatal("a library that is missing is no error")
	}
	want := []string{"environments/e.params.json (none)", "environments/e.star", "lib/good.star", "lib/missing.star (none)"}
	if !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "in/b"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if found, err := Match(dir, glob); err != nil || !slices.Equal(found, []string{"in/a", "in/b"}) {
		t.Errorf("found %q, %v", found, err)
	}
}
