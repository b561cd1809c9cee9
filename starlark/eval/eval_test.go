package eval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

const small = `web = vm(name = "web", provider = simulated("machines/web"))` + "\n"

func load(t *testing.T, root, src string) (*environments.Environment, error) {
	t.Helper()
	write(t, root, "e.star", []byte(src))
	return eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
}

// Every example that ships with the program is right as it is, and survives
// JSON without loss.
func TestExamples(t *testing.T) {
	root := t.TempDir()
	names, err := fs.Glob(environments.Examples(), "*.star")
	if err != nil || len(names) < 2 {
		t.Fatalf("examples: %v, %v", names, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(environments.Examples(), name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, root, "environments/"+name, data)
		e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "environments/" + name})
		if err != nil {
			t.Fatalf("%s: %s", name, problemText(err))
		}
		if e.ID == "" || e.Name != strings.TrimSuffix(name, ".star") || len(e.Warnings) > 0 {
			t.Errorf("%s: id %q, name %q, warnings %v", name, e.ID, e.Name, e.Warnings)
		}
		encoded, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back environments.Environment
		if err := json.Unmarshal(encoded, &back); err != nil || !reflect.DeepEqual(*e, back) {
			t.Errorf("%s changes on its way through JSON: %v", name, err)
		}
	}
}

// The demo's parameters reach the machine.
func TestDemoParameters(t *testing.T) {
	root := t.TempDir()
	data, err := fs.ReadFile(environments.Examples(), "demo.star")
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, "environments/demo.star", data)
	write(t, root, "environments/demo.params.json", []byte(`{"image": "/images/debian.qcow2", "memory": "4GiB", "registry_mirrors": ["http://10.0.2.2:5000"], "apt_mirror": "http://10.0.2.2:8080"}`))
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "environments/demo.star", Params: map[string]string{"memory": "3GiB"}})
	if err != nil {
		t.Fatal(problemText(err))
	}
	h := e.Hosts[0]
	if q := h.Provider.QEMU; q.Image != "/images/debian.qcow2" || q.Checksum != "" || q.Memory != 3<<30 {
		t.Errorf("qemu: %+v", q)
	}
	if !slices.Equal(h.RegistryMirrors, []string{"http://10.0.2.2:5000"}) || h.AptMirror != "http://10.0.2.2:8080" {
		t.Errorf("mirrors: %v, %q", h.RegistryMirrors, h.AptMirror)
	}
}

func TestReads(t *testing.T) {
	root := t.TempDir()
	write(t, root, "lib/a.star", []byte("load(\"./b.star\", \"b\")\na = b\n"))
	write(t, root, "lib/b.star", []byte("b = 1\n"))
	write(t, root, "t.conf", []byte("x"))
	e, err := load(t, root, `load("//lib/a.star", "a")
load("@torrust//tracker.star", "tracker")
`+small+`x = template("t.conf", {})
y = template("./t.conf", {})
z = glob(["lib/*"], exclude = ["lib/b*"])
`)
	if err != nil {
		t.Fatal(problemText(err))
	}
	var got []string
	for _, r := range e.Reads {
		if len(r.Digest) != 64 && r.Path != "e.params.json" {
			t.Errorf("%+v has no digest", r)
		}
		got = append(got, r.Path+strings.Join(r.Include, ","))
	}
	want := []string{"e.params.json", "e.star", "lib/a.star", "lib/b.star", "@torrust//tracker.star", "@torrust//tracker_checks.star", "@torrust//words.star", "@torrust//tracker_config.star", "@torrust//tracker_targets.star", "t.conf", "lib/*"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Links are files of their own: nothing is found through them.
func TestGlob(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"in/a.md", "in/b.txt", "in/deep/c.md", "in/drafts/d.md", ".git/x.md", ".hidden.md"} {
		write(t, root, name, nil)
	}
	for link, target := range map[string]string{"in/loop": ".", "in/outside": "/etc", "in/inside": "drafts"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for patterns, want := range map[string]string{
		`["in/**/*.md"]`: "in/a.md in/deep/c.md in/drafts/d.md",
		`["in/**", "in/a.md"], exclude = ["in/drafts/**", "**/*.txt"]`: "in/a.md in/deep/c.md in/inside in/loop in/outside",
		`["**/*.md"], exclude = ["in/**"]`:                             ".hidden.md",
		`["./in/*.txt"]`:                                               "in/b.txt",
		`["none/*"]`:                                                   "",
	} {
		e, err := load(t, root, small+"config_file(name = \"x\", host = web, path = \"/x\", content = \" \".join(glob("+patterns+")))\n")
		if err != nil {
			t.Errorf("%s: %s", patterns, problemText(err))
			continue
		}
		if got, _ := e.Files[0].Content.Static(); got != want {
			t.Errorf("glob(%s) = %q, want %q", patterns, got, want)
		}
	}
}

func TestDerivedID(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	ids := map[string]bool{}
	for _, root := range []string{one, two, one} {
		e, err := load(t, root, small)
		if err != nil {
			t.Fatal(problemText(err))
		}
		if !regexp.MustCompile(`^e-[a-z2-7]{6}$`).MatchString(e.ID) {
			t.Errorf("id %q", e.ID)
		}
		ids[e.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("ids %v, want one for each root, the same each time", ids)
	}
	e, err := load(t, one, `environment(id = "mine-1", doc = "d")`+"\n"+small)
	if err != nil || e.ID != "mine-1" || e.Doc != "d" {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestFindRoot(t *testing.T) {
	root := t.TempDir()
	write(t, root, "environments/e.star", nil)
	write(t, root, "other/deep/e.star", nil)
	write(t, root, "other/deep/environments/x/e.star", nil)
	for file, want := range map[string]string{
		"environments/e.star":              ".",
		"other/e.star":                     ".",
		"other/deep/e.star":                "other/deep",
		"other/deep/environments/x/e.star": "other/deep",
		"other/deep/environments/y/e.star": "other/deep",
	} {
		if got := eval.FindRoot(filepath.Join(root, file)); got != filepath.Join(root, want) {
			t.Errorf("FindRoot(%q) = %q, want %q", file, got, want)
		}
	}
	alone := t.TempDir()
	if got := eval.FindRoot(filepath.Join(alone, "e.star")); got != alone {
		t.Errorf("without environments/ got %q, want %q", got, alone)
	}
	t.Chdir(filepath.Join(root, "other"))
	for file, want := range map[string]string{"deep/e.star": "deep", "e.star": ".."} {
		if got := eval.FindRoot(file); got != want {
			t.Errorf("FindRoot(%q) = %q, want %q", file, got, want)
		}
	}
}

// The caller gets an answer although the evaluator does not come back.
func TestDeadline(t *testing.T) {
	root := t.TempDir()
	release := make(chan struct{})
	defer close(release)
	write(t, root, "e.star", []byte(small+"print(1)\n"))
	start := time.Now()
	_, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star", Deadline: 50 * time.Millisecond, Print: func(string) { <-release }})
	if got := problemText(err); !strings.HasPrefix(got, "e.star: the evaluation took longer than 50ms\n") {
		t.Errorf("got %s", got)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
}

// A loop that runs into the deadline is shown.
func TestDeadlineInLoop(t *testing.T) {
	root := t.TempDir()
	write(t, root, "e.star", []byte("for i in range(100000000):\n    x = str(i)\n"))
	_, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star", Deadline: 20 * time.Millisecond})
	if got := problemText(err); !strings.HasPrefix(got, "e.star:") || !strings.Contains(got, "the evaluation took longer than 20ms\n    ") {
		t.Errorf("got %s", got)
	}
}

// The caller gets the cause at once, and the evaluation ends soon after.
func TestCancel(t *testing.T) {
	root := t.TempDir()
	before := runtime.NumGoroutine()
	started := make(chan struct{})
	once := sync.OnceFunc(func() { close(started) })
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("enough")
	go func() {
		<-started
		cancel(cause)
	}()
	slow := time.NewTicker(time.Millisecond)
	defer slow.Stop()
	write(t, root, "e.star", []byte("for i in range(100000000):\n    print(i)\n"))
	_, err := eval.Load(ctx, eval.Options{Root: root, File: "e.star", Print: func(string) { once(); <-slow.C }})
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	for end := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before; <-slow.C {
		if time.Now().After(end) {
			t.Fatal("the evaluation goes on")
		}
	}
}

// A failure of the evaluator itself is a problem with a place, not a crash.
func TestPanic(t *testing.T) {
	root := t.TempDir()
	calls := 0
	write(t, root, "e.star", []byte(small+"def f():\n    print(1)\n\nf()\n"))
	_, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star", Print: func(string) {
		if calls++; calls == 1 {
			panic("broken")
		}
	}})
	got := problemText(err)
	if !strings.Contains(got, "e.star:3:5: the evaluator failed: broken\n") || !strings.Contains(got, "called from e.star:5:1\n") {
		t.Errorf("got %s", got)
	}
}

func TestPrintAndWarn(t *testing.T) {
	root := t.TempDir()
	var lines []string
	write(t, root, "e.star", []byte(small+"print(\"a\", 1, web, [\"b\"])\nwarn(\"odd\", hint = \"h\")\n"))
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star", Print: func(s string) { lines = append(lines, s) }})
	if err != nil {
		t.Fatal(problemText(err))
	}
	if want := []string{`e.star:2:1: a 1 vm("web") ["b"]`}; !slices.Equal(lines, want) {
		t.Errorf("printed %q, want %q", lines, want)
	}
	want := environments.Problem{Position: environments.Position{File: "e.star", Line: 3, Column: 1}, Message: "odd", Hint: "h", Source: `warn("odd", hint = "h")`}
	if len(e.Warnings) != 1 || !reflect.DeepEqual(e.Warnings[0], want) {
		t.Errorf("warnings %+v", e.Warnings)
	}
}

// Evaluations share nothing.
func TestConcurrentLoads(t *testing.T) {
	root := t.TempDir()
	write(t, root, "e.star", []byte(small+`compose_service(name = "a", host = web, image = "a:1", healthcheck = healthcheck(["true"]), environment = {"P": secret("P")})`+"\n"))
	results := make(chan string, 16)
	for range cap(results) {
		go func() {
			e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
			data, _ := json.Marshal(e)
			results <- fmt.Sprint(string(data), err)
		}()
	}
	first := <-results
	for range cap(results) - 1 {
		if got := <-results; got != first {
			t.Fatalf("got\n%s\nand\n%s", first, got)
		}
	}
}

func TestLibraries(t *testing.T) {
	list, err := eval.Libraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if l.Doc == "" {
			t.Errorf("%s has no doc", l.Module)
		}
		for _, f := range l.Functions {
			if f.Doc == "" {
				t.Errorf("%s: %s has no doc", l.Module, f.Name)
			}
			for _, p := range f.Parameters {
				name, _, _ := strings.Cut(p, " ")
				if name != "*" && !strings.Contains(f.Doc, "\n    "+name+": ") {
					t.Errorf("%s: %s: the doc says nothing of %s", l.Module, f.Name, name)
				}
			}
		}
	}
	i := slices.IndexFunc(list, func(l eval.Library) bool { return l.Module == "@torrust//tracker.star" })
	j := slices.IndexFunc(list[i].Functions, func(f eval.Function) bool { return f.Name == "tracker" })
	if got := list[i].Functions[j].Parameters; got[3] != "udp = [6969]" {
		t.Errorf("parameters %q", got)
	}
}

func TestProjectThatIsNotThere(t *testing.T) {
	_, err := eval.Load(context.Background(), eval.Options{Root: filepath.Join(t.TempDir(), "no"), File: "e.star"})
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat("e.star"); err == nil {
		t.Error("a file was made")
	}
}
