package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/tasks"
)

// chain is three tasks, each of which makes its output of the one before.
const chain = `environment(id = "sim-1")
a = task(name = "a", run = shell("cat names >a.out; echo a >>a.out"), inputs = ["names"], outputs = ["a.out"])
b = task(name = "b", run = shell("cat a.out >b.out; echo b >>b.out"), inputs = [a], outputs = ["b.out"])
task(name = "c", run = shell("cat b.out >c.out; echo c >>c.out"), inputs = [b], outputs = ["c.out"])
`

// journalOf is where the records of chain are.
const journalOf = "home/state/torrust-tracker-deployer/sim-1/journal"

// chained is a project with chain, not built yet.
func chained(t *testing.T) *site {
	s := newSite(t, map[string]string{"sim.star": chain})
	s.write("project/names", "first\n")
	return s
}

// rebuilt builds the first tasks of chain, as many as are named, and checks that
// everything is right and nothing is left to do.
func (s *site) rebuilt(where, names string) {
	s.t.Helper()
	last := names[len(names)-1:]
	if r := s.run(last, "sim", "-v"); r.code != 0 {
		s.t.Errorf("%s: %s", where, r)
		return
	}
	want := s.read("project/names") + strings.Join(strings.Split(names, ""), "\n") + "\n"
	if got := s.read("project/" + last + ".out"); got != want {
		s.t.Errorf("%s: it made %q", where, got)
	}
	if r := s.run(last, "sim", "-v"); !strings.Contains(r.stderr, fmt.Sprint(len(names), " unchanged")) {
		s.t.Errorf("%s: once more: %s", where, r)
	}
}

// TestTasksKilledAtEveryMoment kills a build at every moment at which something
// is written to the records or synced: between an output and its record, too.
func TestTasksKilledAtEveryMoment(t *testing.T) {
	t.Parallel()
	last := everyMoment(t, func(n int) bool {
		s := chained(t)
		s.rebuilt("at first", "abc")
		s.write("project/names", "second\n")
		first := s.start(killAt, fmt.Sprint(n), programName, "c", "sim")
		switch first.code {
		case 0:
			s.rebuilt(lastLine(first.stderr), "abc")
		case exitUndisturbed:
		default:
			t.Errorf("killed at %d: %s", n, first)
		}
		return first.code != exitUndisturbed
	})
	// An intent and a record for each task, and a sync at the end.
	if last < 8 && !t.Failed() {
		t.Errorf("it ended undisturbed at moment %d: not everything was counted", last)
	}
}

// TestRecordsCutAnywhere cuts the records of a build off at every byte, and
// damages every byte. What can be read of them is believed; the rest is built
// again.
func TestRecordsCutAnywhere(t *testing.T) {
	t.Parallel()
	s := chained(t)
	s.rebuilt("at first", "a")
	whole := s.read(journalOf)
	for i := range whole {
		damaged := []byte(whole)
		damaged[i] ^= 0xff
		if err := os.WriteFile(s.path(journalOf), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tasks.ReadRecords(s.path(journalOf)); err != nil {
			t.Fatalf("byte %d is another one: %v", i, err)
		}
		s.write(journalOf, whole[:i])
		// The output is damaged as well where nothing is known of it any more.
		s.write("project/a.out", "damaged\n")
		s.rebuilt(fmt.Sprintf("cut at %d", i), "a")
		if t.Failed() {
			return
		}
	}
}
