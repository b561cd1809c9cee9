package tasks

import (
	"fmt"
	"slices"
	"strings"
)

// A Selection is what a run is about: some nodes of a graph and everything
// that they depend on.
type Selection struct {
	Targets []string        // as asked for
	Wanted  map[string]bool // named by the targets
	Nodes   map[string]bool // Wanted and what it depends on
	Only    bool            // dependencies are checked, not acted on
	Full    bool            // the whole deployment: orphans go too
}

// Select finds the nodes that targets name: a stage, `deploy` (every stage but
// test), a user's task, or a node id. An unknown name is an error that lists
// what there is.
func (g *Graph) Select(targets []string, only bool) (Selection, error) {
	s := Selection{Targets: targets, Wanted: map[string]bool{}, Nodes: make(map[string]bool, len(g.order)), Only: only}
	for _, t := range targets {
		ids, err := g.named(t)
		if err != nil {
			return Selection{}, err
		}
		for _, id := range ids {
			s.Wanted[id] = true
			g.close(id, s.Nodes)
		}
		s.Full = s.Full || t == "deploy" && !only
	}
	return s, nil
}

func (g *Graph) named(target string) ([]string, error) {
	var ids []string
	for _, id := range g.order {
		n := g.nodes[id]
		if Stage(target) == n.Stage && n.Stage != StageTask ||
			target == "deploy" && slices.Contains(deployStages, n.Stage) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 || isStage(target) {
		return ids, nil
	}
	for _, id := range []string{target, "task:" + target, "group:" + target} {
		if _, ok := g.nodes[id]; ok {
			return []string{id}, nil
		}
	}
	return nil, &UnknownTargetError{Target: target, Known: g.Targets()}
}

func isStage(target string) bool {
	return target == "deploy" || target == string(StageTest) || slices.Contains(deployStages, Stage(target))
}

// Targets returns the names of the user's own targets, sorted.
func (g *Graph) Targets() []string {
	var names []string
	for id, n := range g.nodes {
		if n.Stage == StageTask {
			_, name, _ := strings.Cut(id, ":")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// close adds id and everything it depends on to set.
func (g *Graph) close(id string, set map[string]bool) {
	pending := []string{id}
	for len(pending) > 0 {
		id := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if set[id] {
			continue
		}
		set[id] = true
		for _, e := range g.nodes[id].Edges {
			pending = append(pending, e.To)
		}
	}
}

// An UnknownTargetError is a target that nothing declares.
type UnknownTargetError struct {
	Target string
	Known  []string // the user's own targets
}

// Error names the target.
func (e *UnknownTargetError) Error() string { return fmt.Sprintf("unknown target %q", e.Target) }

// Hint lists what there is.
func (e *UnknownTargetError) Hint() string {
	return "targets are deploy, provision, configure, release, run, test" +
		strings.Join(append([]string{""}, e.Known...), ", ") + ", or a node such as service:NAME"
}
