package layout_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/layout"
	"github.com/torrust/tracker-deployer/starlark/lib"
)

const declared = `"""Doc."""
web=vm(name='web',provider=simulated(dir='machines/web'),packages=['b','a'],)   # the one
`

// What is written is what a reviewer expects: quotes, blanks and commas
// change, the order of arguments and of lists does not.
func TestFormat(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"empty":    {"", ""},
		"a call":   {declared, "\"\"\"Doc.\"\"\"\nweb = vm(name = \"web\", provider = simulated(dir = \"machines/web\"), packages = [\"b\", \"a\"])  # the one\n"},
		"order":    {`task(name="x",run=["z"],srcs=["b","a"],deps=["d","c"])`, `task(name = "x", run = ["z"], srcs = ["b", "a"], deps = ["d", "c"])` + "\n"},
		"loads":    {`load("//lib/b.star","z","y")` + "\n" + `load("//lib/a.star","x")`, "load(\"//lib/b.star\", \"z\", \"y\")\nload(\"//lib/a.star\", \"x\")\n"},
		"broken":   {"f(\n a=1,\n b=2)", "f(\n    a = 1,\n    b = 2,\n)\n"},
		"comments": {"# one\n\n#two\nx=1#three\n# four", "# one\n\n#two\nx = 1  #three\n# four\n"},
		"windows":  {"x=1\r\ny=2\r\n", "x = 1\ny = 2\n"},
		"tail":     {"def f():\n\tg()\n\t# tail\nx=1\n", "def f():\n    g()\n    # tail\n\nx = 1\n"},
		"tabs":     {"def f(x):\n\t# one\n\tif x:\n\t\treturn \"\"\"a\n\tb\"\"\"\n\telse:\n        \treturn 1\n", "def f(x):\n    # one\n    if x:\n        return \"\"\"a\n\tb\"\"\"\n    else:\n        return 1\n"},
	} {
		out, err := layout.Format("e.star", []byte(c.in))
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, out, c.want)
		}
	}
}

// A file that cannot be parsed has the problem that Load finds in it.
func TestWrongFiles(t *testing.T) {
	same := 0
	for src := range sources(t) {
		_, err := layout.Format("e.star", []byte(src))
		if err == nil {
			continue
		}
		var wrong *eval.Error
		if !errors.As(err, &wrong) {
			t.Fatalf("%v\n%.200s", err, src)
		}
		if got, want := wrong.Problems[0].Error(), load(t, src); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		same++
	}
	if same < 10 {
		t.Errorf("only %d files cannot be parsed", same)
	}
}

// load returns the first problem that Load finds, or the Environment.
func load(t *testing.T, src string) string {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
	var wrong *eval.Error
	if errors.As(err, &wrong) {
		return wrong.Problems[0].Error()
	}
	e.ID, e.Reads = "", nil
	return plain(t, e)
}

// plain returns an Environment without positions.
func plain(t *testing.T, e *environments.Environment) string {
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	data, _ = json.Marshal(unplaced(tree))
	return string(data)
}

func unplaced(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"position", "calls", "source", "offset"} {
			delete(v, key)
		}
		for k := range v {
			v[k] = unplaced(v[k])
		}
	case []any:
		for i := range v {
			v[i] = unplaced(v[i])
		}
	}
	return v
}

// What ships with the program is formatted, and formatting it after it was
// squeezed brings the same Environment.
func TestWhatShips(t *testing.T) {
	for _, name := range lib.Names() {
		src, err := lib.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := layout.Format(name, src); err != nil || string(out) != string(src) {
			t.Errorf("%s is not formatted: %v", name, err)
		}
	}
	names, err := fs.Glob(environments.Examples(), "*.star")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(environments.Examples(), name)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := layout.Format(name, src); err != nil || string(out) != string(src) {
			t.Errorf("%s is not formatted: %v", name, err)
		}
		squeezed := strings.NewReplacer(" = ", "=", "\n    ", "\n  ").Replace(string(src))
		out, err := layout.Format(name, []byte(squeezed))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := load(t, string(out)), load(t, string(src)); got != want {
			t.Errorf("%s: formatting changed the environment\n%s\n%s", name, got, want)
		}
	}
}

// sources yields the environment files of testdata/wrong that are small.
func sources(t testing.TB) func(func(string) bool) {
	files, err := filepath.Glob("../../testdata/wrong/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return func(yield func(string) bool) {
		for _, file := range files {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range archive.Files {
				if part.Name == "e.star" && len(part.Data) < 4096 && !yield(string(part.Data)) {
					return
				}
			}
		}
	}
}

// FuzzFormat formats arbitrary text: what evaluates can be formatted, formatting
// twice is formatting once, and a file never comes back meaning something
// else. Nonsense that the parser lets pass may be refused.
func FuzzFormat(f *testing.F) {
	for src := range sources(f) {
		f.Add(src)
	}
	src, err := lib.Read("tracker.star")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(src))
	f.Add(declared)
	f.Fuzz(func(t *testing.T, src string) {
		if _, err := eval.Parse("e.star", []byte(src), true); err != nil {
			return
		}
		once, err := layout.Format("e.star", []byte(src))
		if err != nil {
			if strings.HasPrefix(load(t, src), "{") && !strings.Contains(src, `b"`) && !strings.Contains(src, "b'") {
				t.Fatalf("evaluates, but: %v", err)
			}
			return
		}
		twice, err := layout.Format("e.star", once)
		if err != nil || string(twice) != string(once) {
			t.Errorf("formatting is not stable: %v\n%q\n%q", err, once, twice)
		}
		before, after := load(t, src), load(t, string(once))
		if strings.HasPrefix(before, "{") && before != after {
			t.Errorf("another environment\n%s\n%s", before, after)
		}
	})
}

// Bytes are the one thing of the language that the layout does not know.
func TestBytes(t *testing.T) {
	_, err := layout.Format("e.star", []byte("x = 1\ny = b'a'\n"))
	var wrong *eval.Error
	if !errors.As(err, &wrong) || wrong.Problems[0].Error() != "e.star:2:5: cannot be formatted: bytes have no layout" {
		t.Errorf("got %v", err)
	}
}
