// Package diagram shows graphs to people.
//
//	Of(graph, nodes)  the diagram of some nodes of a graph
//	.Plan(plan)       what a run would do to each
//	.Last(records)    when each ran, in the last run
//	─▶ Dot, Tree, Page
//
// [Ways] answers how one node depends on another. [Diagram.Dot] writes for
// graphviz, [Diagram.Tree] for terminals, [Diagram.Page] one page for browsers
// that needs nothing but itself. A page is laid out here and not in the
// browser, in these steps:
//
//	reduce    edges that others imply are kept apart (reduce.go)
//	layers    the longest path from what needs nothing (layers.go)
//	lanes     one for each host, and one for the operator's computer (lanes.go)
//	order     barycenters, so that few edges cross (order.go)
//	svg       boxes, curves (svg.go), and the last run as a timeline (timeline.go)
//
// Everything here is pure and gives the same bytes for the same diagram.
package diagram

import (
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// A Diagram is a set of nodes, what each needs of the others, and what else is
// known of them.
type Diagram struct {
	Name    string // of the environment
	Nodes   []Node // dependencies first
	Planned bool   // Step is set where a plan has the node
	Run     *Run   // nil = nothing is known of a last run

	index map[string]int
}

// A Node is a node of a graph as it is shown.
type Node struct {
	ID       string
	Stage    tasks.Stage
	Host     string // "" = the operator's computer
	Doc      string // one line, "" = none
	Position environments.Position
	Needs    []tasks.Edge // each node once
	Step     *tasks.Step  // what a run would do; nil = not known
}

// Kind returns what stands before the colon of the id.
func (n Node) Kind() string {
	kind, _, _ := strings.Cut(n.ID, ":")
	return kind
}

// Act returns what a run would do to n; "" while that is not known.
func (n Node) Act() tasks.Act {
	if n.Step == nil {
		return ""
	}
	return n.Step.Act
}

// Changes reports whether a run would do anything to n.
func (n Node) Changes() bool { return n.Act() != "" && n.Act() != tasks.ActNone }

// Of returns the diagram of the nodes of g that are in the set; nil is all of
// them. Edges say which field of env makes them, where the file declares it.
func Of(g *tasks.Graph, env *environments.Environment, in map[string]bool) *Diagram {
	d := &Diagram{Name: env.Name, index: map[string]int{}}
	fields := declared(env)
	for _, id := range g.Order() {
		if in != nil && !in[id] {
			continue
		}
		n, _ := g.Node(id)
		node := Node{ID: id, Stage: n.Stage, Host: n.Host, Doc: n.Doc, Position: n.Position, Needs: needs(g, n, fields)}
		if n.Machine != nil {
			node.Host = n.Machine.Name
		}
		d.add(node)
	}
	return d
}

func (d *Diagram) add(n Node) {
	d.index[n.ID] = len(d.Nodes)
	d.Nodes = append(d.Nodes, n)
}

// needs returns the edges of a node, those to one other node joined. A ref
// bears the place of what it refers to; the edge is where it is used.
func needs(g *tasks.Graph, n *tasks.Node, fields fields) []tasks.Edge {
	at := make(map[string]int, len(n.Edges))
	list := make([]tasks.Edge, 0, len(n.Edges))
	for _, e := range n.Edges {
		if to, ok := g.Node(e.To); ok && e.Position == to.Position {
			e.Position = n.Position
		}
		if f, ok := fields[pair{n.ID, e.To}]; ok {
			e.Field = f
		}
		i, again := at[e.To]
		if !again {
			at[e.To] = len(list)
			list = append(list, e)
		} else if !slices.Contains(strings.Split(list[i].Field, ", "), e.Field) {
			list[i].Field += ", " + e.Field
		}
	}
	return list
}

// Node returns the node called id.
func (d *Diagram) Node(id string) (Node, bool) {
	i, ok := d.index[id]
	if !ok {
		return Node{}, false
	}
	return d.Nodes[i], true
}

// Plan notes what a plan would do to each node. What nothing declares any
// more, and a run would remove, becomes a node that needs nothing.
func (d *Diagram) Plan(p *tasks.Plan) {
	d.Planned = true
	for i := range p.Steps {
		s := &p.Steps[i]
		if at, ok := d.index[s.Node]; ok {
			d.Nodes[at].Step = s
		} else {
			d.add(Node{ID: s.Node, Stage: s.Stage, Host: s.Host, Position: s.Position, Step: s})
		}
	}
}

// users returns who needs each node, by index.
func (d *Diagram) users() [][]int {
	users := make([][]int, len(d.Nodes))
	for i, n := range d.Nodes {
		for _, e := range n.Needs {
			if to, ok := d.index[e.To]; ok {
				users[to] = append(users[to], i)
			}
		}
	}
	return users
}
