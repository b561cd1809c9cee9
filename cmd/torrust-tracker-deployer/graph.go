package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/tasks"
)

// graphCommand prints the graph in the dot language.
func (p *program) graphCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "graph [TARGET…] ENV [KEY=VALUE…]",
		Short:   "Print what depends on what, for graphviz: graph ENV | dot -Tsvg",
		GroupID: groupLook,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parse(c, args)
			if err != nil {
				return err
			}
			if err := w.exactly(c, len(w.names), false); err != nil {
				return err
			}
			d, err := p.open(c.Context(), w)
			if err != nil {
				return err
			}
			nodes, err := d.graphOf(w.names)
			if err != nil {
				return err
			}
			if p.json {
				return writeDocument(p.Out, map[string]any{"environment": d.env.Name, "nodes": nodes})
			}
			p.writeDot(d.env.Name, nodes)
			return nil
		},
		ValidArgsFunction: p.completeTargets,
	}
}

// A graphNode is a node as graph --json prints it.
type graphNode struct {
	ID    string      `json:"id"`
	Stage tasks.Stage `json:"stage"`
	Host  string      `json:"host,omitempty"`
	Doc   string      `json:"doc,omitempty"`
	Needs []graphEdge `json:"needs"`
}

type graphEdge struct {
	To    string `json:"to"`
	Field string `json:"field"`
}

// graphOf returns the nodes of targets and what they depend on, dependencies
// first; without targets all of them.
func (d *deployment) graphOf(targets []string) ([]graphNode, error) {
	s, err := d.choose(targets, false)
	if err != nil {
		return nil, err
	}
	nodes := []graphNode{}
	for _, id := range d.graph.Order() {
		if len(targets) > 0 && !s.Nodes[id] {
			continue
		}
		n, _ := d.graph.Node(id)
		g := graphNode{ID: id, Stage: n.Stage, Host: n.Host, Doc: n.Doc, Needs: []graphEdge{}}
		seen := map[string]bool{}
		for _, e := range n.Edges {
			if !seen[e.To] {
				seen[e.To] = true
				g.Needs = append(g.Needs, graphEdge{e.To, e.Field})
			}
		}
		nodes = append(nodes, g)
	}
	return nodes, nil
}

// shapes are how stages look in a picture.
var shapes = map[tasks.Stage]string{
	tasks.StageProvision: "box3d", tasks.StageRun: "component", tasks.StageTest: "diamond", tasks.StageTask: "cds",
}

func (p *program) writeDot(name string, nodes []graphNode) {
	fmt.Fprintf(p.Out, "digraph %q {\n  rankdir = LR\n  node [shape = box, fontname = \"sans-serif\"]\n", name)
	for _, n := range nodes {
		shape := ""
		if s, ok := shapes[n.Stage]; ok {
			shape = fmt.Sprintf(" [shape = %s]", s)
		}
		fmt.Fprintf(p.Out, "  %q%s\n", n.ID, shape)
	}
	for _, n := range nodes {
		for _, e := range n.Needs {
			fmt.Fprintf(p.Out, "  %q -> %q\n", n.ID, e.To)
		}
	}
	fmt.Fprintln(p.Out, "}")
}
