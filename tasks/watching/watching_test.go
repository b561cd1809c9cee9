package watching

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A bench is a directory that is watched.
type bench struct {
	testing.TB
	dir string
	w   *Watcher
}

func newBench(t testing.TB) *bench {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t, dir, w}
	for _, f := range []string{"a", "b", "deep/lib/x.star", "in/one.json", "in/sub/two.json", "in/old/three.json", "elsewhere/real", "tree/leaf"} {
		b.write(f, f+"\n")
	}
	b.check(os.Symlink("elsewhere/real", b.path("link")))
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) write(name, text string) {
	b.Helper()
	b.check(os.MkdirAll(filepath.Dir(b.path(name)), 0o755))
	b.check(os.WriteFile(b.path(name), []byte(text), 0o644))
}

func (b *bench) remove(name string)       { b.Helper(); b.check(os.RemoveAll(b.path(name))) }
func (b *bench) rename(name, next string) { b.Helper(); b.check(os.Rename(b.path(name), b.path(next))) }

// find returns the files below in whose name ends with .json.
func (b *bench) find() ([]string, error) {
	var list []string
	err := filepath.WalkDir(b.path("in"), func(path string, _ fs.DirEntry, err error) error {
		if rel, err := filepath.Rel(b.dir, path); err == nil && strings.HasSuffix(path, ".json") && !strings.HasPrefix(rel, "in/old/") {
			list = append(list, rel)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

func (b *bench) set() Set {
	var files []File
	for _, f := range []string{"a", "b", "deep/lib/x.star", "missing/deep/file", "link", "tree", "in/one.json"} {
		files = append(files, File{Path: f})
	}
	return Set{Files: files, Globs: []Glob{{Include: []string{"in/**/*.json"}, Exclude: []string{"in/old/**"}, Find: b.find}}}
}

// next returns what Next says, "PATH HOW" for each change; an error is one line.
func (b *bench) next() (list []string, at bool) {
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
	defer cancel()
	changes, at, err := b.w.Next(ctx)
	if err != nil {
		return []string{err.Error()}, at
	}
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%s %s", c.Path, c.How))
	}
	return list, at
}

// still lets what was heard until now be forgotten, as far as Next has dealt
// with it.
func (b *bench) still() {
	b.Helper()
	b.check(b.w.follow())
	select {
	case <-b.w.wake:
	default:
	}
}

// heard waits until the kernel has told that something happened: Next would
// have woken up.
func (b *bench) heard() {
	b.Helper()
	select {
	case <-b.w.wake:
		select {
		case b.w.wake <- struct{}{}:
		default: // something else happened meanwhile
		}
	case <-time.After(5 * time.Second):
		b.Error("nothing is heard of it")
	}
}

// TestNext does something to the files: it must be heard of, and Next must say
// just what was done; where that is nothing that counts, what became of b.
func TestNext(t *testing.T) {
	cases := []struct {
		name string
		do   func(*bench)
		want string // "" = no change
	}{
		{"edited", func(b *bench) { b.write("a", "new\n") }, "a changed"},
		{"edited, then as before", func(b *bench) { b.write("a", "new\n"); b.write("a", "a\n") }, ""},
		{"written with the same bytes", func(b *bench) { b.write("a", "a\n") }, ""},
		{"touched", func(b *bench) { b.check(os.Chtimes(b.path("a"), time.Now(), time.Unix(1, 0))) }, ""},
		{"edited with size and time restored", func(b *bench) {
			info, err := os.Stat(b.path("a"))
			b.check(err)
			b.write("a", "A\n")
			b.check(os.Chtimes(b.path("a"), info.ModTime(), info.ModTime()))
		}, "a changed"},
		{"mode", func(b *bench) { b.check(os.Chmod(b.path("a"), 0o755)) }, "a changed"},
		{"replaced as vim does", func(b *bench) {
			b.rename("a", "a~")
			b.write("a", "new\n")
			b.remove("a~")
		}, "a changed"},
		{"replaced by rename", func(b *bench) { b.write(".a.tmp", "new\n"); b.rename(".a.tmp", "a") }, "a changed"},
		{"deleted", func(b *bench) { b.remove("a") }, "a is gone"},
		{"deleted and written again", func(b *bench) { b.remove("a"); b.write("a", "new\n") }, "a changed"},
		{"deleted and back", func(b *bench) { b.remove("a"); b.write("a", "a\n") }, ""},
		{"a file that was missing, with its directories", func(b *bench) { b.write("missing/deep/file", "x") }, "missing/deep/file is new"},
		{"its directory deleted and made again", func(b *bench) { b.remove("deep/lib"); b.write("deep/lib/x.star", "new\n") }, "deep/lib/x.star changed"},
		{"its directory replaced", func(b *bench) {
			b.write("deep/next/x.star", "new\n")
			b.rename("deep/lib", "deep/previous")
			b.rename("deep/next", "deep/lib")
		}, "deep/lib/x.star changed"},
		{"a directory above it replaced", func(b *bench) {
			b.write("new/lib/x.star", "new\n")
			b.rename("deep", "previous")
			b.rename("new", "deep")
		}, "deep/lib/x.star changed"},
		{"its directory gone", func(b *bench) { b.remove("deep/lib") }, "deep/lib/x.star is gone"},
		{"glob gains a file", func(b *bench) { b.write("in/new.json", "") }, "in/new.json is new"},
		{"glob gains a directory", func(b *bench) { b.write("in/x/y/z.json", "") }, "in/x/y/z.json is new"},
		{"glob loses a file", func(b *bench) { b.remove("in/sub/two.json") }, "in/sub/two.json is gone"},
		{"a file that the glob does not find", func(b *bench) { b.write("in/new.txt", "") }, ""},
		{"a file that is excluded", func(b *bench) { b.write("in/old/new.json", "") }, ""},
		{"glob's directory moved away", func(b *bench) { b.rename("in", "out") }, "in/one.json is gone, in/sub/two.json is gone"},
		{"a link's target edited", func(b *bench) { b.write("elsewhere/real", "new\n") }, "link changed"},
		{"a link led elsewhere", func(b *bench) { b.remove("link"); b.check(os.Symlink("b", b.path("link"))) }, "link changed"},
		{"a directory gains a file", func(b *bench) { b.write("tree/x/y", "") }, "tree changed"},
		{"a file in a directory is edited", func(b *bench) { b.write("tree/leaf", "new\n") }, "tree changed"},
		{"another file", func(b *bench) { b.write("c", "new\n"); b.write("deep/lib/y.star", "") }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.check(b.w.Watch(b.set()))
			c.do(b)
			if c.want == "" {
				b.write("b", "end\n")
				c.want = "b changed"
			}
			b.heard()
			if list, _ := b.next(); strings.Join(list, ", ") != c.want {
				t.Errorf("got %q, want %q", list, c.want)
			}

			// Whatever happened, the next change is heard.
			b.still()
			b.write("deep/lib/x.star", "second\n")
			b.heard()
			if list, _ := b.next(); len(list) != 1 || !strings.HasPrefix(list[0], "deep/lib/x.star ") {
				t.Errorf("after that got %q", list)
			}
		})
	}
}

// One change after the other is seen, also where the first one took the
// watched directory away.
func TestNextGoesOn(t *testing.T) {
	b := newBench(t)
	b.check(b.w.Watch(b.set()))
	for i, step := range []struct {
		do   func()
		want string
	}{
		{func() { b.remove("deep/lib") }, "deep/lib/x.star is gone"},
		{func() { b.write("deep/lib/x.star", "back\n") }, "deep/lib/x.star is new"},
		{func() { b.write("deep/lib/x.star", "again\n") }, "deep/lib/x.star changed"},
		{func() { b.remove("in") }, "in/one.json is gone, in/sub/two.json is gone"},
		{func() { b.write("in/sub/four.json", "") }, "in/sub/four.json is new"},
		{func() { b.write("in/sub/five.json", "") }, "in/sub/five.json is new"},
		{func() { b.rename("a", "z"); b.write("b", "b2\n") }, "a is gone, b changed"},
		{func() { b.rename("z", "a") }, "a is new"},
	} {
		b.still()
		step.do()
		b.heard()
		list, _ := b.next()
		if got := strings.Join(list, ", "); got != step.want {
			t.Fatalf("step %d: got %q, want %q", i, got, step.want)
		}
	}
}

// What happened before Next is called is not lost, and is told as such.
func TestNextAtOnce(t *testing.T) {
	b := newBench(t)
	b.check(b.w.Watch(b.set()))
	b.write("a", "new\n")
	b.write("in/new.json", "")
	list, at := b.next()
	if got := strings.Join(list, ", "); got != "a changed, in/new.json is new" || !at {
		t.Errorf("got %q, at once %v", got, at)
	}

	// What was read was already old when it is watched.
	digest := strings.Repeat("0", 64)
	b.check(b.w.Watch(Set{Files: []File{{Path: "a", Read: &digest}}}))
	if list, at := b.next(); !slices.Equal(list, []string{"a changed"}) || !at {
		t.Errorf("got %q, at once %v", list, at)
	}
	none := ""
	b.check(b.w.Watch(Set{Files: []File{{Path: "b", Read: &none}}}))
	if list, _ := b.next(); !slices.Equal(list, []string{"b is new"}) {
		t.Errorf("got %q", list)
	}
	b.check(b.w.Watch(Set{Globs: []Glob{{Include: []string{"in/**"}, Find: b.find, Found: []string{"in/one.json"}}}}))
	if list, _ := b.next(); !slices.Equal(list, []string{"in/new.json is new", "in/sub/two.json is new"}) {
		t.Errorf("got %q", list)
	}
}

// Outputs of what runs are no change, and neither is what they add to a glob.
func TestAbsorb(t *testing.T) {
	b := newBench(t)
	b.check(b.w.Watch(b.set()))
	b.write("in/one.json", "made\n")
	b.write("in/made.json", "made\n")
	b.remove("in/sub/two.json")
	b.write("tree/leaf", "made\n")
	b.w.Absorb([]string{"in/one.json", "in/made.json", "in/sub", "tree"})
	b.write("in/by-hand.json", "")
	if list, _ := b.next(); !slices.Equal(list, []string{"in/by-hand.json is new"}) {
		t.Errorf("got %q", list)
	}
}

// A look that came so soon after a change that another one may hide behind the
// same times is not trusted.
func TestLookIsNotTrustedTooSoon(t *testing.T) {
	b := newBench(t)
	now := b.w.look("a", state{})
	changed := time.Unix(0, now.id.Ctime)
	for after, trusted := range map[time.Duration]bool{time.Second: false, 3 * time.Second: true} {
		old := state{text: "what it was", id: now.id, seen: changed.Add(after)}
		if got := b.w.look("a", old).text == old.text; got != trusted {
			t.Errorf("%s after the change: trusted %v", after, got)
		}
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	b.check(b.w.Watch(b.set()))
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := errors.New("ended")
	go cancel(ended)
	if _, _, err := b.w.Next(ctx); !errors.Is(err, ended) {
		t.Errorf("got %v", err)
	}
}
