package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

// An explainedTarget is what explain TARGET --json prints.
type explainedTarget struct {
	Target string          `json:"target"`
	Nodes  []explainedNode `json:"nodes"` // of the target, those that would change or run first
}

type explainedNode struct {
	Node    string    `json:"node"`
	Act     tasks.Act `json:"act"`
	Because []string  `json:"because"`
	step    tasks.Step
}

// explainTarget says why what a target names would change or run.
func (p *program) explainTarget(ctx context.Context, w words) error {
	return p.withPlan(ctx, w, false, func(plan *tasks.Plan, d *deployment) error {
		e := explainedTarget{Target: w.names[0], Nodes: []explainedNode{}}
		s, err := d.choose(w.names, false)
		if err != nil {
			return err
		}
		steps := map[string]tasks.Step{}
		for _, step := range plan.Steps {
			steps[step.Node] = step
		}
		for _, step := range plan.Steps {
			if !s.Wanted[step.Node] && step.Act != tasks.ActDelete {
				continue
			}
			e.Nodes = append(e.Nodes, explainedNode{step.Node, step.Act, d.because(step, steps), step})
		}
		if p.json {
			return writeDocument(p.Out, e)
		}
		p.showWhy(e)
		return nil
	})
}

// because returns why a step does what it does: its own reasons, and what it
// waits for.
func (d *deployment) because(s tasks.Step, steps map[string]tasks.Step) []string {
	list := []string{}
	if s.Act != tasks.ActNone || s.Stage == tasks.StageTask || s.Reason != "" {
		list = s.Why()
	}
	if n, ok := d.graph.Node(s.Node); ok && s.Act != tasks.ActNone {
		for _, e := range n.Edges {
			if text := comes(steps[e.To]); text != "" && !contains(list, text) {
				list = append(list, text)
			}
		}
	}
	for i := range list {
		list[i] = d.program.clean(list[i])
	}
	return list
}

// acts are the words for what would happen to a node.
var acts = map[tasks.Act]string{
	tasks.ActNone: "is as declared", tasks.ActCreate: "would be created", tasks.ActUpdate: "would be updated",
	tasks.ActReplace: "would be replaced", tasks.ActDelete: "would be removed", tasks.ActRun: "would run",
	tasks.ActUnknown: "cannot be looked at",
}

// outlook says what would happen to a node.
func outlook(s tasks.Step) string {
	if s.Act == tasks.ActNone && s.Stage == tasks.StageTask {
		return "is up to date"
	}
	return acts[s.Act]
}

// comes says that a dependency changes first; "" when it does not.
func comes(s tasks.Step) string {
	if s.Act == "" || s.Act == tasks.ActNone {
		return ""
	}
	return fmt.Sprintf("it needs %s, which %s", s.Node, acts[s.Act])
}

func (p *program) showWhy(e explainedTarget) {
	style := p.style(p.Out)
	same := 0
	for _, n := range e.Nodes {
		if n.Act == tasks.ActNone && len(e.Nodes) > 1 && p.verbose == 0 {
			same++
			continue
		}
		fmt.Fprintf(p.Out, "%s %s\n", style.bold(n.Node), style.act(n.Act, outlook(n.step)))
		for _, line := range n.Because {
			fmt.Fprintf(p.Out, "    %s\n", stripControl(indentMore(line)))
		}
		for _, f := range n.step.Files {
			if f.Diff != "" {
				planView{p.Out, style, false}.file(f)
			}
		}
	}
	if same > 0 {
		fmt.Fprintf(p.Out, "%d as declared\n", same)
	}
}

// indentMore keeps the lines of a reason together.
func indentMore(s string) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n      ")
}
