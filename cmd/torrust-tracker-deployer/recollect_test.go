package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/cache"
)

// A remembering is a project of one file and a user whose target t is run
// again and again.
type remembering struct {
	*testing.T
	root, home string
	args       []string
}

// newRemembering runs t until what it made is old enough to be remembered, and
// has been.
func newRemembering(t *testing.T, text string, args ...string) *remembering {
	t.Helper()
	r := &remembering{t, t.TempDir(), t.TempDir(), args}
	r.must(os.MkdirAll(r.path("environments"), 0o755))
	r.must(os.WriteFile(r.path("environments/e.star"), []byte(text+"\n"), 0o644))
	r.must(os.WriteFile(r.path("in"), nil, 0o644))
	for i := range 3 {
		if code, said := r.run(); code != 0 {
			t.Fatalf("exit code %d\n%s", code, said)
		}
		if i == 0 {
			r.age()
		}
	}
	return r
}

func (r *remembering) path(name string) string { return filepath.Join(r.root, name) }

func (r *remembering) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *remembering) run() (int, string) {
	var said bytes.Buffer
	code := run(context.Background(), append([]string{"t", "e"}, r.args...), streams{
		In: strings.NewReader(""), Out: &said, Err: &said, Dir: r.root,
		Getenv: func(name string) (string, bool) {
			v, ok := map[string]string{"HOME": r.home, "PATH": os.Getenv("PATH"), "S": "a secret value"}[name]
			return v, ok
		},
	})
	return code, said.String()
}

// age waits until every file of the project is old enough to be trusted.
func (r *remembering) age() {
	r.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var youngest time.Time
		r.must(filepath.WalkDir(r.root, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.ModTime().After(youngest) {
				youngest = info.ModTime()
			}
			return err
		}))
		if time.Since(youngest) > cache.Settling+50*time.Millisecond { // a clock of files may be a bit behind
			return
		}
		if time.Now().After(deadline) {
			r.Fatal("files do not age")
		}
	}
}

// What is remembered is answered without the lock of the environment; whoever
// has to look needs it. That tells the one from the other.
func TestNothingToDoIsRemembered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string // of the environment file
		args  []string
		known bool
	}{
		"a task":            {`task(name = "t", run = ["touch", "out"], inputs = ["in"], outputs = ["out"])`, nil, true},
		"told in detail":    {`task(name = "t", run = ["touch", "out"], inputs = ["in"], outputs = ["out"])`, []string{"-v"}, false},
		"forced":            {`task(name = "t", run = ["touch", "out"], inputs = ["in"], outputs = ["out"])`, []string{"--force"}, false},
		"runs always":       {`task(name = "t", run = ["touch", "out"], cache = False)`, nil, false},
		"with a secret":     {`task(name = "t", run = ["touch", "out"], outputs = ["out"], env = {"S": secret("S")})`, nil, false},
		"says something":    {`print("hello")` + "\n" + `task(name = "t", run = ["touch", "out"], outputs = ["out"])`, nil, false},
		"warns":             {`warn("careful")` + "\n" + `task(name = "t", run = ["touch", "out"], outputs = ["out"])`, nil, false},
		"a group of a task": {`group(name = "t", of = [task(name = "u", run = ["touch", "out"], outputs = ["out"])])`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRemembering(t, c.text, c.args...)
			journals, err := filepath.Glob(filepath.Join(r.home, ".local/state", programName, "*", "journal"))
			if err != nil || len(journals) != 1 {
				t.Fatalf("the journals are %q", journals)
			}
			lock, _, err := tasks.OpenJournal(journals[0])
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			code, said := r.run()
			if known := code == 0; known != c.known {
				t.Errorf("remembered: %v, want %v\n%s", known, c.known, said)
			}
			if code != 0 && !strings.Contains(said, "another run") {
				t.Errorf("exit code %d\n%s", code, said)
			}
		})
	}
}

// After an edit of the environment file, what the memo named is looked at ahead
// of time. That must not hide what else has changed.
func TestEditedFileIsEvaluatedAnew(t *testing.T) {
	t.Parallel()
	const text = `task(name = "t", run = ["cp", "in", "out"], inputs = ["in"], outputs = ["out"])`
	for name, c := range map[string]struct {
		change func(r *remembering) error
		want   string
	}{
		"nothing else":       {func(*remembering) error { return nil }, "0 changed, 1 unchanged, 0 failed"},
		"an input as well":   {func(r *remembering) error { return os.WriteFile(r.path("in"), []byte("new"), 0o644) }, "(1 ran)"},
		"an output is gone":  {func(r *remembering) error { return os.Remove(r.path("out")) }, "(1 ran)"},
		"an output as well":  {func(r *remembering) error { return os.WriteFile(r.path("out"), []byte("new"), 0o644) }, "(1 ran)"},
		"another command":    {func(r *remembering) error { return r.add(`task(name = "u", run = ["true"])`) }, "0 changed, 1 unchanged, 0 failed"},
		"records are gone":   {func(r *remembering) error { return r.forget() }, "(1 ran)"},
		"the id is another":  {func(r *remembering) error { return r.add(`environment(id = "new-1")`) }, "(1 ran)"},
		"what it is made of": {func(r *remembering) error { return r.replace(`["in"]`, `["in", "environments/e.star"]`) }, "(1 ran)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRemembering(t, text)
			r.must(r.add("# edited"))
			r.must(c.change(r))
			for i, want := range []string{c.want, "1 unchanged"} {
				if code, said := r.run(); code != 0 || !strings.Contains(said, want) {
					t.Errorf("run %d: exit code %d, want %q in\n%s", i+1, code, want, said)
				}
			}
		})
	}
}

// add adds a line to the environment file.
func (r *remembering) add(line string) error { return r.replace("", line+"\n") }

// replace puts text in the place of another one in the environment file.
func (r *remembering) replace(old, text string) error {
	data, err := os.ReadFile(r.path("environments/e.star"))
	if err != nil {
		return err
	}
	return os.WriteFile(r.path("environments/e.star"), []byte(strings.Replace(string(data), old, text, 1)), 0o644)
}

// forget removes the records.
func (r *remembering) forget() error {
	return os.RemoveAll(filepath.Join(r.home, ".local/state", programName))
}
