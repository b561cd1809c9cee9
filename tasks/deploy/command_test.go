package deploy_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/deploy"
)

// copying returns a task that copies a file, of which RunFunc knows.
func copying(name, from, to string, inputs ...environments.Input) environments.Task {
	return environments.Task{
		Declared: environments.Declared{Name: name}, Cache: true, Timeout: int64(time.Minute),
		Run:    [][]environments.Value{{environments.Text("cp"), environments.Text(from), environments.Text(to)}},
		Inputs: inputs, Outputs: []string{to},
	}
}

// A workshop is a project whose tasks are run, and how often each was.
type workshop struct {
	t      *testing.T
	root   string
	engine *tasks.Engine
	ran    []string
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{t: t, root: t.TempDir()}
	journal, records, err := tasks.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := cache.Open(w.root, os.Getenv("PATH"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = journal.Close(), files.Close() })
	w.engine = &tasks.Engine{Name: "e", ID: "e-1", Journal: journal, Records: records, Files: files}
	return w
}

func (w *workshop) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.root, name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *workshop) copy(_ context.Context, argv, _ []string, _ []byte, _ io.Writer) error {
	w.ran = append(w.ran, argv[2])
	data, err := os.ReadFile(filepath.Join(w.root, argv[1]))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.root, argv[2]), data, 0o644)
}

// run plans and executes target and returns the outputs that were made.
func (w *workshop) run(target string, list ...environments.Task) string {
	w.t.Helper()
	g, err := deploy.Graph(&environments.Environment{Name: "e", Tasks: list}, deploy.Options{Run: w.copy})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := g.Select([]string{target}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	plan, err := w.engine.Plan(w.t.Context(), g, s)
	if err != nil {
		w.t.Fatal(err)
	}
	defer plan.Close()
	w.ran = nil
	if _, err := w.engine.Execute(w.t.Context(), plan); err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(w.ran, " ")
}

// An engine that goes on after a run knows what was done in it: deploy and the
// test after it share one.
func TestAnEngineRemembersItsRuns(t *testing.T) {
	w := newWorkshop(t)
	w.write("names", "one")
	first := copying("first", "names", "a", environments.Input{Path: "names"})
	second := copying("second", "a", "b", environments.Input{Task: "first"})
	for i, want := range []string{"a b", "", "a b"} {
		if i == 2 {
			w.write("names", "two")
		}
		if got := w.run("second", first, second); got != want {
			t.Errorf("run %d made %q, want %q", i+1, got, want)
		}
	}
}

// A task with inputs that have no outputs here runs whenever it is asked for.
func TestWhatCannotBeComparedRuns(t *testing.T) {
	w := newWorkshop(t)
	w.write("names", "one")
	silent := copying("silent", "names", "a")
	silent.Outputs = nil
	after := copying("after", "names", "b", environments.Input{Task: "silent"})
	for range 2 {
		if got := w.run("after", silent, after); got != "a b" {
			t.Errorf("it made %q", got)
		}
	}
}

func TestOutputsThatOverlapAreRefused(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{"build/x", "build/x", `output "build/x" is made by task "one" as well`},
		{"build/./x", "build/x", `output "build/x" is made by task "one" as well`},
		{"build", "build/x/y", `output "build/x/y" is inside of what task "one" makes`},
		{"build/x", "build/xy", ""},
	} {
		list := []environments.Task{copying("one", "names", test.a), copying("two", "names", test.b)}
		_, err := deploy.Graph(&environments.Environment{Name: "e", Tasks: list}, deploy.Options{})
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s and %s: %v", test.a, test.b, err)
		}
	}
}
