package tasks

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks/cache"
)

// A past is what is recorded of an action, and what that comes to where it
// could be seen ahead of planning.
type past struct {
	record  *cache.Record
	recipe  *cache.Recipe // nil = it was not seen
	verdict cache.Verdict // on recipe
}

// lookAtFiles asks, ahead of planning and several at a time, for the
// identities of all files that the records of nodes name, and compares those
// whose recipe does not wait for anything: planning decides in order, but most
// of its work is the same in any order. It is about one moment, which ends with
// the returned function.
func (p *planner) lookAtFiles(scope *Scope, nodes []*Node) (end func()) {
	p.past = make(map[string]past, len(nodes))
	if p.engine.Files == nil {
		return func() {}
	}
	found := make([]past, len(nodes))
	cache.InParallel(len(nodes), 64, func(i int) {
		if _, ok := nodes[i].Action.(Cacheable); ok {
			found[i].record = p.engine.Records.recordOf(nodes[i])
		}
	})
	records := make([]*cache.Record, 0, len(nodes))
	for i := range found {
		if found[i].record != nil {
			records = append(records, found[i].record)
		}
	}
	end = p.engine.Files.Look(records)
	cache.InParallel(len(nodes), 64, func(i int) {
		if found[i].record != nil && !p.engine.Records.Pending[nodes[i].ID] && !p.forced(nodes[i]) {
			p.compare(scope, nodes[i], &found[i])
		}
	})
	for i, n := range nodes {
		if found[i].record != nil {
			p.past[n.ID] = found[i]
		}
	}
	return end
}

// compare fills in the verdict on an action, unless its recipe is not known
// yet or wrong.
func (p *planner) compare(scope *Scope, n *Node, to *past) {
	if recipe, err := p.recipe(scope, n); err == nil && recipe != nil {
		to.recipe, to.verdict = recipe, p.engine.Files.Check(recipe, to.record)
	}
}

// recipe returns what goes into the action of n, nil where it always runs.
func (w *world) recipe(scope *Scope, n *Node) (*cache.Recipe, error) {
	a, ok := n.Action.(Cacheable)
	if !ok || w.engine.Files == nil {
		return nil, nil
	}
	return a.Recipe(scope)
}

// action plans an action: whether it has to run, and why.
func (p *planner) action(scope *Scope, n *Node) (Change, error) {
	was := p.past[n.ID]
	recipe, err := was.recipe, error(nil)
	if recipe == nil {
		recipe, err = p.recipe(scope, n)
	}
	c, err := p.judge(n, was, recipe, err)
	p.makes(recipe, c.Act)
	return c, err
}

// judge decides on an action by what goes into it; open is why that is not
// known.
func (p *planner) judge(n *Node, was past, recipe *cache.Recipe, open error) (Change, error) {
	rec, pending := was.record, p.engine.Records.Pending[n.ID]
	run := Change{Act: ActRun}
	switch {
	case isUnknown(open):
		run.Reason, run.Maybe = open.Error(), rec != nil && !pending && !p.forced(n)
		return run, nil
	case open != nil || recipe == nil:
		return run, open
	case p.forced(n):
		run.Reason = "it is forced"
		return run, nil
	case pending:
		run.Reason = "its last run did not end well"
		return run, nil
	}
	v := was.verdict
	if was.recipe == nil {
		v = p.engine.Files.Check(recipe, rec)
	}
	first := p.moving(n)
	if len(v.Differences) > 0 && (first == "" || !p.remade(v.Differences)) {
		run.Reason, run.Fields = inWords(v.Differences)
		return run, nil
	}
	if first != "" {
		run.Maybe, run.Reason = true, "if what comes out of "+first+" differs"
		return run, nil
	}
	p.verdicts[n.ID] = v
	p.pass(recipe.Tools)
	p.setMade(n.ID)
	return Change{Act: ActNone}, nil
}

// makes notes what an action that is going to run makes anew.
func (p *planner) makes(recipe *cache.Recipe, act Act) {
	if recipe == nil || act == ActNone {
		return
	}
	for _, out := range recipe.Outputs {
		p.anew[path.Clean(out)] = true
	}
}

// remade reports whether all differences are about inputs that are going to be
// made anew, so that it is open whether they still differ then.
func (p *planner) remade(list []cache.Difference) bool {
	for _, d := range list {
		at := path.Clean(d.Input)
		for !p.anew[at] {
			if at = path.Dir(at); at == "." || at == "/" {
				return false
			}
		}
	}
	return true
}

// pass notes where tools are not, once for each.
func (p *planner) pass(tools []string) {
	for _, name := range tools {
		if !p.tools[name] {
			p.tools[name] = true
			p.passed = append(p.passed, p.engine.Files.Passed([]string{name})...)
		}
	}
}

func (p *planner) forced(n *Node) bool { return p.engine.Force && p.selection.Wanted[n.ID] }

// moving returns a dependency of n that runs or changes, "" when none does.
// What is behind a group counts as well.
func (p *planner) moving(n *Node) string {
	for _, e := range n.Edges {
		s := p.steps[e.To]
		switch {
		case s == nil || p.selection.Only && !p.selection.Wanted[e.To]:
		case s.Act != ActNone:
			return e.To
		case s.node.isGroup():
			if first := p.moving(s.node); first != "" {
				return first
			}
		}
	}
	return ""
}

func (n *Node) isGroup() bool { return n.Machine == nil && n.Resource == nil && n.Action == nil }

// fewest is how many differences a change lists.
const fewest = 50

// inWords puts differences into a change: "first run" is a reason, everything
// else is a field.
func inWords(list []cache.Difference) (reason string, fields []FieldChange) {
	for i, d := range list {
		switch {
		case d.Said == "" && d.Old == "" && d.New == "":
			reason = d.What
		case i == fewest:
			return reason, append(fields, FieldChange{Name: "and more", New: fmt.Sprint(len(list) - i)})
		case d.Said != "":
			fields = append(fields, FieldChange{Name: d.What, New: d.Said})
		default:
			fields = append(fields, FieldChange{Name: d.What, Old: d.Old, New: d.New})
		}
	}
	return reason, fields
}

// keepVerified notes what planning read and found as recorded, so that it need
// not be read again.
func (r *run) keepVerified() error {
	if r.engine.Journal == nil {
		return nil
	}
	var frames []frame
	same := frame{Kind: frameVerified}
	for i := range r.plan.Steps {
		id := r.plan.Steps[i].Node
		v, ok := r.verdicts[id]
		switch {
		case !ok || !v.Verified:
		case v.Moved:
			frames = append(frames, r.recordFrame(id, v.Record, r.engine.Records.Durations[id], r.engine.Records.Ended[id]))
		default:
			same.Nodes, same.At = append(same.Nodes, id), v.Record.At // the moment of planning, for all
		}
	}
	if len(same.Nodes) > 0 {
		frames = append(frames, same)
	}
	if len(frames) == 0 {
		return nil
	}
	r.learned = append(r.learned, frames...)
	return r.engine.Journal.append(frames...)
}

func (r *run) recordFrame(id string, rec *cache.Record, took time.Duration, at time.Time) frame {
	return frame{Kind: frameRecord, Nodes: []string{id}, OK: true, Took: took, At: at, Data: string(rec.Append(nil))}
}

// equipped checks that the programs which the actions of the plan need are
// there. One at a path may be made by what runs before.
func (r *run) equipped() error {
	if r.engine.Files == nil {
		return nil
	}
	var missing []error
	for i := range r.plan.Steps {
		s := &r.plan.Steps[i]
		a, ok := s.node.Action.(Tooled)
		if !ok || s.Act == ActNone {
			continue
		}
		for _, name := range a.Tools() {
			if strings.Contains(name, "/") && len(s.node.Edges) > 0 {
				continue
			}
			if _, err := r.engine.Files.Tool(name); err != nil {
				missing = append(missing, &NodeError{s.Node, s.Position, err})
			}
		}
	}
	return errors.Join(missing...)
}

// actionNode runs a task or a probe, unless it turns out that it need not.
func (r *run) actionNode(ctx context.Context, s *Step) {
	scope := r.scope(ctx, true)
	recipe, err := r.recipe(scope, s.node)
	if err == nil && recipe != nil && s.Maybe {
		if v := r.engine.Files.Check(recipe, r.engine.Records.recordOf(s.node)); len(v.Differences) == 0 {
			r.setMade(s.Node)
			r.finish(ctx, s.Node, ActNone, 0, nil)
			return
		}
	}
	start := r.started(s.Node, s.Act)
	if err == nil {
		err = r.act(ctx, s, scope, recipe, start)
	}
	r.finish(ctx, s.Node, s.Act, time.Since(start), err)
}

// act runs an action between its frames.
func (r *run) act(ctx context.Context, s *Step, scope *Scope, recipe *cache.Recipe, start time.Time) (err error) {
	var rec *cache.Record
	if recipe != nil {
		if rec, err = r.engine.Files.Take(recipe); err != nil {
			return err
		}
	}
	if err := r.intend(s); err != nil {
		return err
	}
	err = s.node.Action.Run(ctx, Surroundings{
		Scope: scope, Machine: r.machine(s.Host),
		Progress: func(line string) { r.engine.emit(NodeProgress{Node: s.Node, Line: line}) },
	})
	if err != nil {
		return err
	}
	if rec != nil {
		if err := r.engine.Files.Seal(rec, recipe); err != nil {
			return err
		}
		f := r.recordFrame(s.Node, rec, time.Since(start), now())
		if err := r.engine.Journal.append(f); err != nil {
			return fmt.Errorf("the journal: %w", err)
		}
		r.noted(f)
	}
	r.setMade(s.Node)
	return nil
}

// local reports whether the work on a step stays on the operator's computer:
// its frames are not waited for.
func (s *Step) local() bool { return s.node.Action != nil && s.Host == "" }

// Why returns the reasons for a step in words, never none.
func (s *Step) Why() []string {
	var lines []string
	if s.Reason != "" {
		lines = append(lines, s.Reason)
	}
	for _, f := range s.Fields {
		lines = append(lines, f.String())
	}
	for _, f := range s.Files {
		lines = append(lines, f.Path+" differs")
	}
	switch {
	case len(lines) > 0:
		return lines
	case s.Act == ActNone:
		return []string{"nothing that goes in or comes out has changed"}
	case s.Act == ActRun:
		return []string{"it runs whenever it is asked for"}
	}
	return []string{string(s.Act)}
}
