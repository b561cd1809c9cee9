package tasks

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A Stage is the part of a deployment that a node belongs to. Each stage is a
// target of that name.
type Stage string

// The stages in their order. Nodes of StageTask are the user's own targets.
const (
	StageProvision Stage = "provision"
	StageConfigure Stage = "configure"
	StageRelease   Stage = "release"
	StageRun       Stage = "run"
	StageTest      Stage = "test"
	StageTask      Stage = "task"
)

// stages orders what `deploy` is made of.
var deployStages = []Stage{StageProvision, StageConfigure, StageRelease, StageRun}

// A Node is one thing of an environment: a machine, a resource on a machine,
// or an action. At most one of Machine, Resource and Action is set; none is a
// group, which only names others.
type Node struct {
	ID       string // "kind:name"
	Stage    Stage
	Host     string // the host it lives on or runs on, "" = the operator's computer
	Position environments.Position
	Doc      string   // one line for people, "" = none
	Was      []string // ids that it had before, see renamed()
	Edges    []Edge

	Machine  *environments.Host
	Resource Resource
	Action   Action
}

// An Edge says that a node needs another one first, and why.
type Edge struct {
	To       string // node id
	Field    string // what makes the edge: "host", "depends_on", …
	Position environments.Position
}

// An Action is a node that runs when it is asked for: a task or a probe.
type Action interface {
	// Run does it; an error is a failed task or probe.
	Run(ctx context.Context, surroundings Surroundings) error
}

// A Cacheable is an action that need not run as long as everything that goes in
// and comes out is as it was when it ran last.
type Cacheable interface {
	Action
	// Recipe returns everything that goes in, nil for an action that runs
	// whenever it is asked for. Its error is an *Unknown when a value is
	// needed that nobody knows yet.
	Recipe(s *Scope) (*cache.Recipe, error)
}

// A Tooled is an action that needs programs on the operator's computer. They
// are looked for before anything of a run begins.
type Tooled interface {
	// Tools returns names for PATH, and paths.
	Tools() []string
}

// Made is what a node answers once that which it makes on the operator's
// computer is there as declared: a ref to wait for.
const Made = "made"

// Surroundings are what an action is given.
type Surroundings struct {
	Scope    *Scope
	Machine  hosts.Machine     // of the node's host; nil without one
	Progress func(line string) // output of the action, never nil
}

// A Graph is a frozen set of nodes without cycles.
type Graph struct {
	nodes   map[string]*Node
	order   []string // topological; among equals in the order of declaration
	renamed []*Node  // those that had another id before
	users   map[string][]string
}

// NewGraph checks that ids are unique, that edges lead somewhere and that
// there is no cycle, and freezes the nodes.
func NewGraph(nodes []*Node) (*Graph, error) {
	g := &Graph{nodes: make(map[string]*Node, len(nodes)), order: make([]string, 0, len(nodes)), users: make(map[string][]string, len(nodes))}
	rank := make(map[string]int, len(nodes))
	for i, n := range nodes {
		if first, ok := g.nodes[n.ID]; ok {
			return nil, fmt.Errorf("%s is declared twice: at %s and at %s", n.ID, first.Position, n.Position)
		}
		g.nodes[n.ID], rank[n.ID] = n, i
		if len(n.Was) > 0 {
			g.renamed = append(g.renamed, n)
		}
	}
	sorted := true // every node comes after what it needs, as where only handles are passed
	for i, n := range nodes {
		g.order = append(g.order, n.ID)
		for _, e := range n.Edges {
			to, ok := rank[e.To]
			sorted = sorted && to < i
			if !ok {
				return nil, fmt.Errorf("%s: %s: %s refers to %q, which nothing declares", n.Position, n.ID, e.Field, e.To)
			}
			// A second edge to the same node finds n last in its list.
			if users := g.users[e.To]; len(users) == 0 || users[len(users)-1] != n.ID {
				g.users[e.To] = append(users, n.ID)
			}
		}
	}
	if sorted {
		return g, nil
	}
	return g, g.sort(nodes, rank)
}

// sort orders nodes that did not come in order. Its error is a cycle.
func (g *Graph) sort(nodes []*Node, rank map[string]int) error {
	needs := make(map[string]int, len(nodes))
	for _, users := range g.users {
		for _, id := range users {
			needs[id]++
		}
	}
	g.order = g.order[:0]
	ready := &readyHeap{rank: rank}
	for _, n := range nodes {
		if needs[n.ID] == 0 {
			heap.Push(ready, n.ID)
		}
	}
	for ready.Len() > 0 {
		id := heap.Pop(ready).(string)
		g.order = append(g.order, id)
		for _, user := range g.users[id] {
			if needs[user]--; needs[user] == 0 {
				heap.Push(ready, user)
			}
		}
	}
	if len(g.order) < len(nodes) {
		return fmt.Errorf("dependency cycle: %s", strings.Join(g.cycle(needs), " -> "))
	}
	return nil
}

// cycle returns one cycle among the nodes that still need something, its
// first node repeated at the end.
func (g *Graph) cycle(needs map[string]int) []string {
	var start string
	for id, n := range needs {
		if n > 0 && (start == "" || id < start) {
			start = id
		}
	}
	seen := map[string]int{}
	var path []string
	for id := start; ; {
		if at, ok := seen[id]; ok {
			return append(path[at:], id)
		}
		seen[id] = len(path)
		path = append(path, id)
		for _, e := range g.nodes[id].Edges {
			if needs[e.To] > 0 {
				id = e.To
				break
			}
		}
	}
}

// Node returns the node called id.
func (g *Graph) Node(id string) (*Node, bool) {
	n, ok := g.nodes[id]
	return n, ok
}

// Order returns every id, dependencies first.
func (g *Graph) Order() []string { return slices.Clone(g.order) }

// Users returns the ids that need id directly.
func (g *Graph) Users(id string) []string { return slices.Clone(g.users[id]) }
