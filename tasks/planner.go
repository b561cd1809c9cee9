package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"golang.org/x/sync/errgroup"
)

// Plan looks at the machines of the selected nodes and says what a run would
// do. It changes nothing, starts no machine and generates no secret. The
// caller closes the plan.
func (e *Engine) Plan(ctx context.Context, g *Graph, s Selection) (*Plan, error) {
	w := newWorld(e)
	p := &planner{world: w, graph: g, selection: s, tools: map[string]bool{}, anew: map[string]bool{}}
	plan, err := p.plan(ctx)
	if err != nil {
		w.close()
		return nil, err
	}
	return plan, nil
}

type planner struct {
	*world
	graph     *Graph
	selection Selection
	steps     map[string]*Step
	whole     []Step          // of all nodes in order, where one round has planned them; or of the last round
	past      map[string]past // of the actions that are planned, where there is any
	tools     map[string]bool // that were found
	anew      map[string]bool // paths that actions are going to make anew
}

func (p *planner) plan(ctx context.Context) (*Plan, error) {
	machines := hostsOf(p.graph, p.selection.Nodes)
	if err := p.lookAll(ctx, machines); err != nil {
		return nil, err
	}
	todo := make([]*Node, 0, len(p.selection.Nodes))
	for _, id := range p.graph.order {
		if p.selection.Nodes[id] {
			todo = append(todo, p.graph.nodes[id])
		}
	}
	p.steps = make(map[string]*Step, len(todo))
	p.verdicts, p.made = make(map[string]cache.Verdict, len(todo)), make(map[string]bool, len(todo))
	scope := p.scope(ctx, false)
	defer p.lookAtFiles(scope, todo)()
	for round := todo; len(round) > 0; {
		if err := p.observeAll(ctx, scope, round); err != nil {
			return nil, err
		}
		rest, err := p.diff(scope, round)
		if err != nil {
			return nil, err
		}
		if len(rest) == len(round) {
			return nil, fmt.Errorf("%s: planning makes no progress", rest[0].ID)
		}
		round = rest
	}
	return p.assemble(machines, todo)
}

func (p *planner) lookAll(ctx context.Context, machines []environments.Host) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, h := range machines {
		group.Go(func() error { return p.look(ctx, h) })
	}
	return group.Wait()
}

// observeAll asks every machine, in parallel, what the nodes want to know.
func (p *planner) observeAll(ctx context.Context, scope *Scope, nodes []*Node) error {
	queries, err := gather(scope, nodes)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for host, list := range queries {
		group.Go(func() error {
			if err := p.observe(ctx, host, list); err != nil {
				return err
			}
			return p.claim(host)
		})
	}
	return group.Wait()
}

// gather returns the queries of nodes by host. What a node cannot ask yet it
// asks in a later round.
func gather(scope *Scope, nodes []*Node) (map[string][]hosts.Query, error) {
	queries := map[string][]hosts.Query{}
	for _, n := range nodes {
		if n.Resource == nil {
			continue
		}
		if len(queries[n.Host]) == 0 {
			queries[n.Host] = []hosts.Query{hosts.SystemQuery{}, hosts.ManifestQuery{}}
		}
		list, err := n.Resource.Queries(scope)
		if err != nil && !isUnknown(err) {
			return nil, &NodeError{n.ID, n.Position, err}
		}
		queries[n.Host] = append(queries[n.Host], list...)
	}
	return queries, nil
}

func isUnknown(err error) bool {
	_, ok := errors.AsType[*Unknown](err)
	return ok
}

// diff plans the nodes whose answers are there and returns the others.
func (p *planner) diff(scope *Scope, nodes []*Node) (rest []*Node, err error) {
	steps := make([]Step, len(nodes)) // in one piece
	for i, n := range nodes {
		if !p.ready(scope, n) {
			rest = append(rest, n)
			continue
		}
		c, err := p.change(scope, n)
		if err != nil {
			return nil, &NodeError{n.ID, n.Position, err}
		}
		if n.Action != nil && p.selection.Only && !p.selection.Wanted[n.ID] {
			p.setMade(n.ID) // as it is, since it is not going to run
		}
		p.setOutputs(n.ID, c.Outputs)
		if c.Act != ActNone && c.Act != ActRun {
			p.setChanged(n.ID)
		}
		steps[i] = Step{Node: n.ID, Host: n.Host, Stage: n.Stage, Position: n.Position, Change: c, node: n}
		p.steps[n.ID] = &steps[i]
	}
	p.whole = steps
	return rest, nil
}

// ready reports whether everything that n depends on is planned, and its
// queries are answered or have nobody to answer them.
func (p *planner) ready(scope *Scope, n *Node) bool {
	for _, e := range n.Edges {
		if _, ok := p.steps[e.To]; !ok && p.selection.Nodes[e.To] {
			return false
		}
	}
	if n.Resource == nil || p.machine(n.Host) == nil {
		return true
	}
	queries, err := n.Resource.Queries(scope)
	return err != nil || len(p.missing(n.Host, queries)) == 0
}

func (p *planner) change(scope *Scope, n *Node) (Change, error) {
	switch {
	case n.Machine != nil:
		return machineChange(p.status[n.Machine.Name]), nil
	case n.Action != nil:
		return p.action(scope, n)
	case n.Resource == nil:
		return Change{Act: ActNone}, nil
	}
	s := p.status[n.Host]
	switch s.State {
	case StateStopped, StateUnreachable:
		return Change{Act: ActUnknown, Reason: fmt.Sprintf("vm:%s is %s: %s", n.Host, s.State, s.Reason)}, nil
	}
	c, err := n.Resource.Diff(scope, p.factsOf(n.Host))
	unknown, ok := errors.AsType[*Unknown](err)
	if !ok {
		return p.listed(n, c), err
	}
	if s.State == StateAbsent || c.Act == ActCreate {
		return Change{Act: ActCreate, Reason: unknown.Error()}, nil
	}
	return Change{
		Act: ActUpdate, Reason: "may change: " + unknown.Error(),
		Restarts: c.Restarts, Reloads: c.Reloads, Downtime: c.Downtime,
	}, nil
}

func machineChange(s Status) Change {
	c := Change{Act: ActNone, Reason: s.Reason, Fields: s.Changes}
	switch {
	case s.State == StateAbsent:
		c.Act = ActCreate
	case s.State == StateUnreachable:
		c.Act = ActUnknown
	case s.Replace:
		c.Act = ActReplace
	case s.State == StateStopped:
		c.Act = ActUpdate
		c.Fields = append([]FieldChange{{Name: "state", Old: string(StateStopped), New: string(StateRunning)}}, c.Fields...)
	case len(s.Changes) > 0:
		c.Act = ActUpdate
	}
	return c
}

// assemble puts the steps in order, adds the orphans and checks what `only`
// left out.
func (p *planner) assemble(machines []environments.Host, todo []*Node) (*Plan, error) {
	plan := &Plan{
		Format: 1, Environment: p.engine.Name, ID: p.engine.ID,
		Targets: p.selection.Targets, Hosts: []PlanHost{}, Steps: []Step{}, world: p.world,
	}
	for _, h := range machines {
		s := p.status[h.Name]
		plan.Hosts = append(plan.Hosts, PlanHost{Host: h.Name, State: s.State, Reason: s.Reason})
		if p.selection.Full {
			plan.Steps = append(plan.Steps, p.orphans(h.Name)...)
		}
	}
	if len(plan.Steps) == 0 && len(p.whole) == len(todo) && !p.selection.Only {
		plan.Steps = p.whole
		return plan, nil
	}
	plan.Steps = slices.Grow(plan.Steps, len(todo))
	for _, n := range todo {
		step := p.steps[n.ID]
		if p.selection.Only && !p.selection.Wanted[n.ID] {
			if step.Act != ActNone && (step.Act != ActRun || len(step.Fields) > 0 || step.Reason != "") {
				return nil, &UnmetError{Node: n.ID, Act: step.Act, Reason: step.Reason}
			}
			continue
		}
		plan.Steps = append(plan.Steps, *step)
	}
	return plan, nil
}

// An UnmetError is a dependency that --only leaves out although it is not as
// declared.
type UnmetError struct {
	Node   string
	Act    Act
	Reason string
}

// Error names the dependency and what it needs.
func (e *UnmetError) Error() string {
	return fmt.Sprintf("dependency %s is not met: it needs %s", e.Node, e.Act)
}

// Hint says how to get it.
func (e *UnmetError) Hint() string { return "run it without --only" }

// orphans returns a step for each thing that the manifest of a host lists and
// the graph does not declare. What has nothing left but data is kept until it
// is pruned by name; what something else owns now is left to that.
func (p *planner) orphans(host string) []Step {
	m := p.manifest(host)
	var owned hosts.Owned // by what is declared
	for _, s := range p.steps {
		if o := s.Owned; o != nil && s.Host == host {
			owned.Paths, owned.Units = append(owned.Paths, o.Paths...), append(owned.Units, o.Units...)
			owned.Services, owned.Table = append(owned.Services, o.Services...), cmp.Or(o.Table, owned.Table)
		}
	}
	var steps []Step
	for _, id := range slices.Sorted(maps.Keys(m.Owned)) {
		if n, ok := p.graph.nodes[id]; ok && n.Host == host || p.graph.renamedTo(id, host) {
			continue
		}
		o := orphan{id: id, owned: m.Owned[id]}
		if !o.live() {
			continue
		}
		data := o.owned.Data
		o.owned = without(o.owned, owned)
		o.owned.Data = data
		n := &Node{ID: id, Stage: StageRun, Host: host, Resource: o}
		if _, elsewhere := p.graph.nodes[id]; elsewhere {
			n.ID += "@" + host // what it is called is on another machine now
		}
		c, _ := o.Diff(nil, nil) // an orphan needs neither to know what to remove
		steps = append(steps, Step{Node: n.ID, Host: host, Stage: n.Stage, Change: c, node: n})
	}
	return steps
}
