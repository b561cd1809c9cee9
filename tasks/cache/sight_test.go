package cache

import (
	"maps"
	"testing"
)

// A look that goes on from a sight is about the moment of the sight; what is
// not in it is asked for, and the next look is about its own moment again.
func TestLookGoesOnFromASight(t *testing.T) {
	s := newScene(t)
	s.write("in/b", "beta")
	before, err := s.tree.Ask("in/a", false)
	if err != nil {
		t.Fatal(err)
	}
	sight := See(s.dir, 2, maps.All(map[string]bool{"in/a": false, "in/none": true}))
	<-sight.done
	s.write("in/a", "alphabet")
	s.write("in/none", "something")
	identity := func(path string, follow bool) Identity {
		t.Helper()
		id, err := s.tree.identity(path, follow)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}

	s.tree.Begin(sight)
	end := s.tree.Look([]*Record{s.record})
	if at := s.tree.moment(); !at.Equal(sight.began) {
		t.Errorf("the look is about %v, want %v", at, sight.began)
	}
	if identity("in/a", false) != before {
		t.Error("what the sight has seen is asked for again")
	}
	if identity("in/none", true).Exists() {
		t.Error("where the sight has seen nothing is something")
	}
	if !identity("in/b", false).Exists() || identity("in/a", true) == before {
		t.Error("what the sight has not seen is not asked for")
	}
	end()

	defer s.tree.Look([]*Record{s.record})()
	if identity("in/a", false) == before {
		t.Error("a second look goes on from the sight")
	}
}

// Where a sight cannot see anything, a look does it all.
func TestSightOfNoDirectory(t *testing.T) {
	s := newScene(t)
	s.tree.Begin(See(s.path("none"), 1, maps.All(map[string]bool{"in/a": false})))
	defer s.tree.Look([]*Record{s.record})()
	if id, err := s.tree.identity("in/a", false); err != nil || !id.Exists() {
		t.Errorf("in/a is not seen (%v)", err)
	}
}
