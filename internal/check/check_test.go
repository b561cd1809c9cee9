package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// write makes files below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// echo is a program that prints its words and ends with the number of those
// that are "wrong".
func echo(_ context.Context, c Call) int {
	if c.Args[0] == "list" {
		fmt.Fprintln(c.Out, `{"targets": [{"name": "pages"}]}`)
		return 0
	}
	fmt.Fprintln(c.Out, strings.Join(c.Args, " "), "in 1.5s in", c.Dir)
	c.Called("prod/web", strings.Join(c.Args, " "))
	if c.Args[0] == "panic" {
		panic("at the disco")
	}
	return strings.Count(strings.Join(c.Args, " "), "wrong")
}

// results runs the tests of a project with a program.
func results(t *testing.T, o Options, parallel int) []Result {
	t.Helper()
	tests, err := Find(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []Result
	Run(context.Background(), tests, parallel, func(r Result) { list = append(list, r) })
	return list
}

// TestScripts runs scripts that end in every way, several at a time; results
// come in the order of the names.
func TestScripts(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		"tests/a.txtar":              "deploy prod\nstdout '^deploy prod in 0.0s in .WORK$'\ndeploy a\ndeploy prod\ncalls\ncmp stdout want\ncalls\n! stdout .\n-- want --\nprod/web: deploy a\nprod/web: deploy prod\n",
		"tests/b.txtar":              "deploy wrong\n",
		"tests/c.txtar":              "# one\ndeploy prod\n# two\npanic prod\n",
		"tests/d.txtar":              "skip because\n",
		"tests/e.txtar":              "[!short] deploy prod\nstop\ndeploy wrong\n",
		"tests/f.txtar":              "pages prod\ncat prod\n",
		"tests/g.txtar":              "env HOME=\nexists $WORK/lib/x.star $WORK/environments/p.params.json\n! exists $WORK/environments/p.age\ngrep mine environments/p.star\n-- environments/p.star --\nmine\n",
		"lib/x.star":                 "",
		"environments/p.star":        "theirs",
		"environments/p.age":         "secret",
		"environments/p.params.json": "{}",
	})
	o := Options{Root: root, Program: echo, Commands: []string{"deploy", "panic"}}
	for _, parallel := range []int{1, 8} {
		var got []string
		for _, r := range results(t, o, parallel) {
			got = append(got, fmt.Sprintf("%s %s", r.Name, r.Outcome))
			want := map[string]string{
				"tests/b.txtar": "FAIL: tests/b.txtar:1: deploy wrong: exit code 1",
				"tests/c.txtar": "panic: at the disco",
				"tests/d.txtar": "because",
				"tests/f.txtar": `FAIL: tests/f.txtar:2: unknown command "cat"`,
			}[r.Name]
			if !strings.Contains(r.Output, want) || want == "" && r.Output != "" {
				t.Errorf("%s says %q, want %q", r.Name, r.Output, want)
			}
		}
		want := strings.Fields("a passed b failed c failed d skipped e passed f failed g passed")
		for i := 0; i < len(want); i += 2 {
			if line := "tests/" + want[i] + ".txtar " + want[i+1]; !slices.Contains(got, line) || got[i/2] != line {
				t.Errorf("with %d at a time: %d is %q, want %q", parallel, i/2, got[i/2], line)
			}
		}
	}
}

// TestUpdate rewrites what cmp compared, also in a script that fails later,
// and leaves the mode of the file and no other file.
func TestUpdate(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"tests/a.txtar": "deploy prod\ncmp stdout want\ndeploy wrong\n-- want --\nold\n"})
	file := filepath.Join(root, "tests/a.txtar")
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	o := Options{Root: root, Program: echo, Commands: []string{"deploy"}, Update: true}
	if r := results(t, o, 1)[0]; !r.Updated || r.Outcome != Failed || !strings.Contains(r.Output, "tests/a.txtar:3:") {
		t.Errorf("got %+v", r)
	}
	data, err := os.ReadFile(file)
	if want := "-- want --\ndeploy prod in 0.0s in $WORK\n"; err != nil || !strings.HasSuffix(string(data), want) {
		t.Errorf("got %q (%v), want %q", data, err, want)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "tests")); err != nil || len(entries) != 1 {
		t.Errorf("beside it there are %v (%v)", entries, err)
	}
	if r := results(t, o, 1)[0]; r.Updated {
		t.Errorf("it was rewritten again: %+v", r)
	}
}

// TestEnds gives back what every environment took that a script named, also
// when the script fails, in the script's own home.
func TestEnds(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"tests/a.txtar": "deploy web prod a=b -- x\ndeploy lab\ndeploy wrong\n"})
	var ended []string
	o := Options{
		Root: root, Commands: []string{"deploy"},
		Ends: func(environment string) []string { return []string{"destroy", environment} },
		Program: func(ctx context.Context, c Call) int {
			home, _ := c.Getenv("HOME")
			if c.Args[0] == "destroy" && strings.HasPrefix(home, c.Dir) {
				ended = append(ended, c.Args[1])
				return 0
			}
			return echo(ctx, c)
		},
	}
	results(t, o, 1)
	slices.Sort(ended)
	if got := strings.Join(ended, " "); got != "lab prod wrong" {
		t.Errorf("ended %s", got)
	}
}

// TestLimit ends a script that waits for what does not come; no "!" takes that
// for what it waits for.
func TestLimit(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"tests/a.txtar": "! watch prod\n"})
	o := Options{Root: root, Commands: []string{"watch"}, Limit: time.Millisecond, Program: func(ctx context.Context, _ Call) int {
		<-ctx.Done()
		return 130
	}}
	if r := results(t, o, 1)[0]; r.Outcome != Failed || !strings.Contains(r.Output, "watch prod: ended after the 1ms that a script may take") {
		t.Errorf("got %+v", r)
	}
}

// TestInterrupted starts no test after the end of its context.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var started atomic.Int64
	var tests []Test
	for range 50 {
		tests = append(tests, Test{"x", func(context.Context) Result {
			started.Add(1)
			cancel()
			return Result{}
		}})
	}
	told := 0
	Run(ctx, tests, 2, func(Result) { told++ })
	if n := started.Load(); n > 10 || int64(told) != n {
		t.Errorf("%d were started, %d told", n, told)
	}
}

// TestSteady takes durations and times out of a text, and nothing else.
func TestSteady(t *testing.T) {
	for text, want := range map[string]string{
		"done in 12.3s, 1m05s and 2h03m":               "done in 0.0s, 0.0s and 0.0s",
		`{"took":1.5e-05,"at":"2026-01-02T03:04:05Z"}`: `{"took":0,"at":""}`,
		"/tmp/x/web":        "$WORK/web",
		"version 1.2.3, 5s": "version 1.2.3, 5s",
	} {
		if got := string(steady([]byte(text), "/tmp/x")); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestNeeded finds what an environment reads and names, and no key.
func TestNeeded(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		"environments/p.star": `load("//other/x.star", "x")
web = vm(name = "web", provider = qemu())
config_file(name = "a", host = web, path = "/a", content = template("files/a.tmpl", {}))
config_file(name = "b", host = web, path = "/b", source = "files/b")
task(name = "t", run = ["true"], inputs = ["files/c"])
`,
		"other/x.star": "x = 1\n", "files/a.tmpl": "", "files/b": "", "files/c": "", "files/d": "", "README": "",
		"environments/p.age": "", "environments/p.known_hosts": "", "environments/broken.star": "(", "lib/deep/y.star": "",
	})
	got := strings.Join(needed(context.Background(), root), " ")
	want := "environments/broken.star environments/p.star files/a.tmpl files/b files/c lib/deep/y.star other/x.star"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
