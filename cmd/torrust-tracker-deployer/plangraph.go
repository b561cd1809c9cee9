package main

import (
	"fmt"

	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/diagram"
)

// planned returns the diagram of the nodes of a plan, with what it would do.
func (d *deployment) planned(plan *tasks.Plan) *diagram.Diagram {
	in := map[string]bool{}
	for _, s := range plan.Steps {
		in[s.Node] = true
	}
	g := d.diagram(in)
	g.Plan(plan)
	return g
}

// showTree prints a plan as a tree, with the line that ends every plan.
func (p *program) showTree(plan *tasks.Plan, d *deployment) error {
	if err := d.planned(plan).Tree(p.Out, p.verbose > 0, p.style(p.Out).act); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.Out, countLine(plan))
	return err
}
