package cache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A scene is a directory with an input, a tool and an output, and the record of
// an action that made the one of the other.
type scene struct {
	t      *testing.T
	dir    string
	tree   *Tree
	recipe *Recipe
	record *Record
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), recipe: &Recipe{
		Facts:  []Fact{{Name: "word 1", Value: "make"}, {Name: "variable KEY", Value: "mac-1", Secret: true}},
		Inputs: []string{"in"}, Outputs: []string{"out"}, Tools: []string{"make"},
	}}
	s.write("in/a", "alpha")
	s.write("bin/make", "#!/bin/sh")
	s.write("out/x", "xenon")
	if err := os.Chmod(s.path("bin/make"), 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.tree, err = Open(s.dir, s.path("early")+":relative:"+s.path("bin")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.tree.Close() })
	if s.record, err = s.tree.Take(s.recipe); err != nil {
		t.Fatal(err)
	}
	if err := s.tree.Seal(s.record, s.recipe); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// check returns the differences in words.
func (s *scene) check() string {
	var words []string
	for _, d := range s.tree.Check(s.recipe, s.record).Differences {
		words = append(words, d.String())
	}
	return strings.ReplaceAll(strings.Join(words, "; "), s.dir, "DIR")
}

func TestDifferencesAreSaid(t *testing.T) {
	tests := []struct {
		name   string
		change func(s *scene)
		want   string
	}{
		{"nothing", func(*scene) {}, ""},
		{"a word", func(s *scene) { s.recipe.Facts[0].Value = "build" }, `word 1: "make" → "build"`},
		{"a secret", func(s *scene) { s.recipe.Facts[1].Value = "mac-2" }, `variable KEY has another value (secret)`},
		{"a new fact", func(s *scene) { s.recipe.Facts = append(s.recipe.Facts, Fact{Name: "word 2", Value: "x"}) }, `word 2 is new: "x"`},
		{"a fact less", func(s *scene) { s.recipe.Facts = s.recipe.Facts[1:] }, `word 1 is gone, it was "make"`},
		{"edited", func(s *scene) { s.write("in/a", "ALPHA") }, `input "in/a" was edited`},
		{"longer", func(s *scene) { s.write("in/a", "alphabet") }, `input "in/a" was edited: 5 → 8 bytes`},
		{"new", func(s *scene) { s.write("in/b", "") }, `input "in/b" is new`},
		{"gone", func(s *scene) { _ = os.Remove(s.path("in/a")) }, `input "in/a" is gone`},
		{"mode", func(s *scene) { _ = os.Chmod(s.path("in/a"), 0o600) }, `input "in/a": mode 0644 → 0600`},
		{"kind", func(s *scene) {
			_ = os.Remove(s.path("in/a"))
			_ = os.Mkdir(s.path("in/a"), 0o755)
		}, `input "in/a" is a directory, it was a file`},
		{"output", func(s *scene) { s.write("out/x", "XENON") }, `output "out/x" was edited`},
		{"output gone", func(s *scene) { _ = os.RemoveAll(s.path("out")) }, `output "out" is gone; output "out/x" is gone`},
		{"output gained", func(s *scene) { s.write("out/y", "") }, `output "out/y" is new`},
		{"tool replaced", func(s *scene) { s.write("bin/make", "#!/bin/bash") }, `tool "DIR/bin/make" was edited: 9 → 11 bytes`},
		{"tool elsewhere", func(s *scene) {
			s.write("early/make", "#!/bin/sh")
			_ = os.Chmod(s.path("early/make"), 0o755)
		}, `place of tool make: "DIR/bin/make" → "DIR/early/make"; tool "DIR/bin/make" is gone; tool "DIR/early/make" is new`},
		{"touched", func(s *scene) { s.write("in/a", "alpha") }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			test.change(s)
			if got := s.check(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// An edit that the file system's clock did not see (another content under the
// identity that was recorded) is noticed as long as the times of the file are
// young, or lie after the record, as they do when the clock was set back. Only
// where they were old when the file was read are they believed.
func TestYoungTimesAreNotTrusted(t *testing.T) {
	for _, test := range []struct {
		name  string
		at    func(written time.Time) time.Time // of the record
		found bool
	}{
		{"the same moment", func(w time.Time) time.Time { return w }, true},
		{"a moment later", func(w time.Time) time.Time { return w.Add(Settling) }, true},
		{"the clock was set back", func(w time.Time) time.Time { return w.Add(-time.Hour) }, true},
		{"long after", func(w time.Time) time.Time { return w.Add(Settling + time.Minute) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			s.write("in/a", "ALPHA")
			var written time.Time
			for i := range s.record.inputs {
				f := &s.record.inputs[i]
				var err error
				if f.Identity, err = s.tree.Ask(f.Path, f.Follow); err != nil { // as if there had been no edit
					t.Fatal(err)
				}
				written = time.Unix(0, max(f.Identity.Ctime, written.UnixNano()))
			}
			s.record.At = test.at(written)
			if got := s.check(); (got != "") != test.found {
				t.Errorf("found %q", got)
			}
		})
	}
}

// A time in the future says nothing, whatever the record says.
func TestTimesInTheFutureAreNotTrusted(t *testing.T) {
	s := newScene(t)
	future := time.Now().Add(24 * time.Hour)
	if err := os.Chtimes(s.path("in/a"), future, future); err != nil {
		t.Fatal(err)
	}
	v := s.tree.Check(s.recipe, s.record)
	if len(v.Differences) > 0 || v.Verified {
		t.Errorf("%+v", v)
	}
}

// What was read is not read again once its times are old: the record says so.
func TestVerified(t *testing.T) {
	s := newScene(t)
	first := s.tree.Check(s.recipe, s.record)
	if first.Verified || first.Record == nil {
		t.Fatalf("right after the build: %+v", first)
	}
	old := time.Now().Add(-time.Hour)
	for f := range s.record.Files {
		if err := os.Chtimes(s.tree.absolute(f.Path), old, old); err != nil {
			t.Fatal(err)
		}
	}
	v := Verdict{}
	for deadline := time.Now().Add(20 * time.Second); !v.Verified; time.Sleep(50 * time.Millisecond) {
		if v = s.tree.Check(s.recipe, s.record); len(v.Differences) > 0 || time.Now().After(deadline) {
			t.Fatalf("%+v", v)
		}
	}
	if !v.Moved {
		t.Error("the times have changed, and the record is the same")
	}
	again := s.tree.Check(s.recipe, v.Record)
	if again.Record != v.Record {
		t.Error("it was read again")
	}
}

func TestAnInputThatChangesMeanwhileIsStale(t *testing.T) {
	s := newScene(t)
	rec, err := s.tree.Take(s.recipe)
	if err != nil {
		t.Fatal(err)
	}
	s.write("in/a", "other")
	s.write("in/a", "alpha")
	if err := s.tree.Seal(rec, s.recipe); err != nil {
		t.Fatal(err)
	}
	s.record = rec
	if got, want := s.check(), `input "in/a" changed while it ran`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	s := newScene(t)
	for _, test := range []struct {
		recipe Recipe
		want   string
	}{
		{Recipe{Inputs: []string{"in", "no/such"}}, `input "no/such" does not exist`},
		{Recipe{Tools: []string{"mkae"}}, `program "mkae" is not in PATH`},
		{Recipe{Tools: []string{"./mkae"}}, `program "./mkae" is not there, or may not be executed`},
		{Recipe{Outputs: []string{"out", "nothing"}}, `output "nothing" is not there after it ran`},
	} {
		rec, err := s.tree.Take(&test.recipe)
		if err == nil {
			err = s.tree.Seal(rec, &test.recipe)
		}
		if err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// A link into a directory that it is in ends there.
func TestLinksInACircle(t *testing.T) {
	s := newScene(t)
	if err := os.Symlink("..", s.path("in/up")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("self", s.path("in/self")); err != nil {
		t.Fatal(err)
	}
	rec, err := s.tree.Take(s.recipe)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rec.inputs); n > 40 {
		t.Errorf("%d files", n)
	}
}

// Whatever is cut off or damaged, a record is an error or a record.
func TestDecodeSurvives(t *testing.T) {
	s := newScene(t)
	data := s.record.Append(nil)
	back, err := Decode(string(data))
	if err != nil || string(back.Append(nil)) != string(data) {
		t.Fatalf("it comes back as another one (%v)", err)
	}
	for i := range data {
		if _, err := Decode(string(data[:i])); err == nil {
			t.Errorf("cut at %d it is still a record", i)
		}
		for _, mask := range []byte{1, 0x80, 0xff} {
			damaged := []byte(string(data))
			damaged[i] ^= mask
			_, _ = Decode(string(damaged)) // the checksum is the journal's
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := &Record{At: time.Unix(1, 0), Ran: time.Unix(2, 0), facts: "f", roots: "r", inputs: []File{{Path: "a", Digest: Digest{1}}}}
	f.Add(r.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := Decode(string(data)); err == nil {
			if back, err := Decode(string(r.Append(nil))); err != nil || string(back.Append(nil)) != string(r.Append(nil)) {
				t.Errorf("a record that was read cannot be written and read (%v)", err)
			}
		}
	})
}
