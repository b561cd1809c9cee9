package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/watching"
)

// round evaluates, plans and runs once, because of changes; nil for the first
// time.
func (x *watch) round(ctx context.Context, changes []watching.Change) error {
	p := x.program
	var reads readList
	p.read = reads.add
	d, err := p.open(ctx, x.words)
	p.read = nil
	if err != nil {
		x.because(changes, nil)
		return errors.Join(err, x.watchFailed(err, reads.taken()))
	}
	defer d.engine.Files.Close()
	s, err := d.choose(x.words.names, false)
	if err != nil {
		x.because(changes, nil)
		return errors.Join(err, x.follow(setOfReads(d.root, d.env.Reads)))
	}
	if err := x.follow(d.watchSet(s)); err != nil {
		return err
	}
	defer func() { x.files.Absorb(d.written(s)) }()
	if err := d.possible(s); err != nil {
		x.because(changes, nil)
		return err
	}
	if err := d.admit(ctx, s); err != nil {
		x.because(changes, nil)
		return err
	}
	end, err := x.begin(ctx, d)
	if err != nil {
		return err
	}
	defer end()
	return x.run(ctx, d, s, changes)
}

// A readList collects reads. An evaluation that does not end in time may go on
// reading after it was given up.
type readList struct {
	lock sync.Mutex
	list []environments.Read
}

func (l *readList) add(r environments.Read) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.list = append(l.list, r)
}

func (l *readList) taken() []environments.Read {
	l.lock.Lock()
	defer l.lock.Unlock()
	return slices.Clone(l.list)
}

// follow replaces what is watched.
func (x *watch) follow(set watching.Set) error {
	x.set = set
	return x.files.Watch(set)
}

// watchFailed watches what was watched before and what an evaluation read until
// it went wrong.
func (x *watch) watchFailed(err error, reads []environments.Read) error {
	at, findErr := x.program.find(x.words.env)
	if findErr != nil { // the file itself is gone
		return nil
	}
	set := setOfReads(at.root, reads)
	if e, ok := errors.AsType[*eval.Error](err); ok && len(reads) == 0 {
		for _, problem := range e.Problems {
			set.Files = append(set.Files, watching.File{Path: problem.Position.File})
		}
	}
	return x.follow(joinSets(x.set, set))
}

// busyEvery is how often is looked whether another run has ended.
const busyEvery = 200 * time.Millisecond

// begin takes the environment's lock; it waits for another run to end.
func (x *watch) begin(ctx context.Context, d *deployment) (end func(), err error) {
	for said := false; ; said = true {
		end, err = d.begin()
		if !errors.Is(err, tasks.ErrBusy) {
			return end, err
		}
		if !said {
			x.program.note("another run of this environment is going on: waiting until it has ended")
		}
		select {
		case <-ctx.Done():
			return nil, errInterrupted
		case <-x.stop:
			return nil, errInterrupted
		case <-time.After(busyEvery):
		}
	}
}

// run plans and executes. Without --yes what would change on machines is shown,
// and only tasks that need none of it run.
func (x *watch) run(ctx context.Context, d *deployment, s tasks.Selection, changes []watching.Change) error {
	d.engine.KeepGoing, d.engine.Parallel, d.engine.Stop = x.options.keepGoing, x.options.parallel, x.stop
	m := x.program.monitor()
	defer m.close()
	d.engine.Observe = m.event
	plan, err := d.engine.Plan(ctx, d.graph, s)
	if err != nil {
		x.because(changes, nil)
		return err
	}
	defer func() { plan.Close() }()
	x.because(changes, plan)
	if err := d.reachable(plan, x.options.keepGoing); err != nil {
		return err
	}
	if len(plan.Changes()) > 0 && !x.options.yes {
		x.program.cleanPlan(plan)
		m.pending(plan)
		plan.Close()
		if s, err = d.untouched(plan); err != nil || len(s.Wanted) == 0 {
			return err
		}
		if plan, err = d.engine.Plan(ctx, d.graph, s); err != nil {
			return err
		}
	}
	if _, err := d.engine.Execute(ctx, plan); err != nil {
		return asInterrupted(err)
	}
	if !x.options.yes || !d.wantsTest(s, x.options, m.tally.count(changed)) {
		return nil
	}
	return d.test(ctx, m)
}

// untouched selects the tasks of a plan that need nothing that would change.
func (d *deployment) untouched(plan *tasks.Plan) (tasks.Selection, error) {
	moves := map[string]bool{} // itself, or something that it needs
	var ids []string
	for _, s := range plan.Steps { // dependencies first
		moves[s.Node] = s.Act != tasks.ActNone && s.Act != tasks.ActRun
		if n, ok := d.graph.Node(s.Node); ok {
			for _, e := range n.Edges {
				moves[s.Node] = moves[s.Node] || moves[e.To]
			}
		}
		if s.Stage == tasks.StageTask && !moves[s.Node] {
			ids = append(ids, s.Node)
		}
	}
	return d.graph.Select(ids, false)
}

// pending shows what a plan would change on machines.
func (m *monitor) pending(plan *tasks.Plan) {
	p := m.program
	if p.json || p.quiet {
		return
	}
	shown := &tasks.Plan{Hosts: plan.Hosts, Steps: plan.Changes()}
	var b strings.Builder
	planView{&b, p.style(p.Err), false}.print(shown)
	m.say("%s; --yes does it", strings.TrimRight(b.String(), "\n"))
}
