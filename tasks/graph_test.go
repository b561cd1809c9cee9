package tasks

import (
	"errors"
	"slices"
	"testing"
)

func node(id string, stage Stage, needs ...string) *Node {
	n := &Node{ID: id, Stage: stage}
	for _, to := range needs {
		n.Edges = append(n.Edges, Edge{To: to, Field: "after"})
	}
	return n
}

func TestNewGraphRefuses(t *testing.T) {
	tests := map[string]struct {
		nodes []*Node
		want  string
	}{
		"a cycle":   {[]*Node{node("a", "", "b"), node("b", "", "c"), node("c", "", "a"), node("d", "", "a")}, "dependency cycle: a -> b -> c -> a"},
		"itself":    {[]*Node{node("a", "", "a")}, "dependency cycle: a -> a"},
		"a twin":    {[]*Node{node("a", ""), node("a", "")}, "a is declared twice: at - and at -"},
		"a dangler": {[]*Node{node("a", "", "b")}, `-: a: after refers to "b", which nothing declares`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := NewGraph(test.nodes)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestOrderFollowsTheFile(t *testing.T) {
	g, err := NewGraph([]*Node{node("z", "", "m"), node("m", ""), node("a", "", "m"), node("b", "")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := g.Order(), []string{"m", "z", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUsersAreListedOnce(t *testing.T) {
	g, err := NewGraph([]*Node{node("m", ""), node("b", ""), node("x", "", "m", "b", "m"), node("y", "", "m", "x", "m", "m")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := g.Users("m"), []string{"x", "y"}; !slices.Equal(got, want) {
		t.Errorf("users %v, want %v", got, want)
	}
	if got, want := g.Order(), []string{"m", "b", "x", "y"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestSelect(t *testing.T) {
	g, err := NewGraph([]*Node{
		node("vm:web", StageProvision), node("system:web", StageConfigure, "vm:web"),
		node("service:x", StageRun, "system:web"), node("probe:p", StageTest, "service:x"),
		node("task:build", StageTask),
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		"provision": {"vm:web"},
		"configure": {"system:web", "vm:web"},
		"deploy":    {"service:x", "system:web", "vm:web"},
		"test":      {"probe:p", "service:x", "system:web", "vm:web"},
		"build":     {"task:build"},
		"service:x": {"service:x", "system:web", "vm:web"},
		"release":   nil,
	}
	for target, want := range tests {
		s, err := g.Select([]string{target}, false)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		var got []string
		for id := range s.Nodes {
			got = append(got, id)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", target, got, want)
		}
		if s.Full != (target == "deploy") {
			t.Errorf("%s: full is %v", target, s.Full)
		}
	}
	_, err = g.Select([]string{"biuld"}, false)
	if _, ok := errors.AsType[*UnknownTargetError](err); !ok {
		t.Errorf("got %v, want an unknown target", err)
	}
}
