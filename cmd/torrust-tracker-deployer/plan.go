package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/tasks"
)

// planCommand shows what a run would do. It writes nothing anywhere.
func (p *program) planCommand() *cobra.Command {
	var pending, only, graph bool
	o := &graphOptions{}
	c := &cobra.Command{
		Use:   "plan [TARGET…] ENV [KEY=VALUE…]",
		Short: "Show what a run would change; deploy without TARGET",
		Long: `plan looks at the machines and shows what a run of the targets would do,
deploy if none is named. It changes nothing, starts no machine and generates
no secret.

  + created   ~ updated   ± replaced   - removed   ▸ run   ? cannot be looked at

With --graph it is shown as a tree: below each node what it needs, closed where
nothing would change (-v opens all of it). ↑ is shown further up. -o FILE
writes the graph in the colours of the plan, as a page (NAME.html), for
graphviz (NAME.dot) or as NAME.json.`,
		GroupID: groupLook,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseNames(c, args)
			if err != nil {
				return err
			}
			show := func(plan *tasks.Plan, _ *deployment) error { return p.showPlan(plan) }
			switch {
			case o.output != "" || graph && p.json:
				form, err := p.graphForm(o)
				if err != nil {
					return err
				}
				show = func(plan *tasks.Plan, d *deployment) error { return p.putGraph(d.planned(plan), form, o) }
			case graph:
				show = p.showTree
			}
			return p.withPlan(c.Context(), w, only, func(plan *tasks.Plan, d *deployment) error {
				if err := show(plan, d); err != nil {
					return err
				}
				return d.pendingCode(plan, pending)
			})
		},
		ValidArgsFunction: p.completeTargets,
	}
	c.Flags().BoolVar(&pending, "exit-code", false, "exit with 3 when there are changes")
	c.Flags().BoolVar(&graph, "graph", false, "as a tree of what depends on what")
	c.Flags().StringVarP(&o.output, "output", "o", "", "write the graph to `FILE`: NAME.html, NAME.dot or NAME.json")
	c.Flags().BoolVar(&only, "only", false, "plan the targets alone; what they depend on has to be as declared")
	return c
}

// withPlan opens the environment, plans and calls f with the plan.
func (p *program) withPlan(ctx context.Context, w words, only bool, f func(*tasks.Plan, *deployment) error) error {
	d, err := p.open(ctx, w)
	if err != nil {
		return err
	}
	targets := w.names
	if len(targets) == 0 {
		targets = []string{"deploy"}
	}
	s, err := d.choose(targets, only)
	if err != nil {
		return err
	}
	if err := d.callable(s); err != nil {
		return err
	}
	if err := d.admit(ctx, s); err != nil {
		return err
	}
	if err := d.look(); err != nil {
		return err
	}
	ctx, end := cancelledBySignals(ctx)
	defer end()
	m := p.quietMonitor()
	defer m.screen.close()
	d.engine.Observe = m.event
	plan, err := d.engine.Plan(ctx, d.graph, s)
	if err != nil {
		return err
	}
	defer plan.Close()
	m.screen.close()
	p.cleanPlan(plan)
	if err := d.mentionRotations(); err != nil {
		return err
	}
	return f(plan, d)
}

func (p *program) showPlan(plan *tasks.Plan) error {
	if p.json {
		return writeDocument(p.Out, plan)
	}
	planView{p.Out, p.style(p.Out), p.verbose > 0}.print(plan)
	return nil
}

// pendingCode is exit code 3 where it is asked for and there are changes, or a
// rotation that is not over.
func (d *deployment) pendingCode(plan *tasks.Plan, asked bool) error {
	if !asked {
		return nil
	}
	rotating, _, err := d.underWay()
	if err == nil && len(plan.Changes())+len(rotating) > 0 {
		return codeError(exitPending)
	}
	return err
}
