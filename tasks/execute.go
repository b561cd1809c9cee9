package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Execute carries out a plan that this engine made. It returns when nothing
// runs any more. The error is the first node's that went wrong, or the
// context's; the summary counts what happened in any case.
//
// Closing Engine.Stop finishes what runs and starts nothing more; cancelling
// ctx ends what runs as well.
func (e *Engine) Execute(ctx context.Context, p *Plan) (Summary, error) {
	r := newRun(e, p)
	start := time.Now()
	begun := r.begin()
	e.emit(RunStarted{Environment: e.Name, Targets: p.Targets, Nodes: begun})
	if len(begun) > 0 && e.Journal != nil {
		err := e.Journal.append(frame{Frame: "begin", Nodes: begun, Targets: p.Targets, At: now()})
		if err != nil {
			return r.summary, err
		}
	}
	r.schedule(ctx)
	r.settle()
	r.summary.Took = time.Since(start)
	e.emit(RunDone{Summary: r.summary})
	switch {
	case ctx.Err() != nil:
		return r.summary, ctx.Err()
	case r.first != nil:
		return r.summary, r.first
	case r.summary.Skipped > 0:
		return r.summary, ErrStopped
	}
	return r.summary, nil
}

// settle closes what an earlier run left half-done and this one found as
// declared.
func (r *run) settle() {
	var frames []frame
	for _, s := range r.plan.Steps {
		if s.Act == ActNone && r.engine.Records.Pending[s.Node] && r.steps[s.Node] == nil {
			frames = append(frames, frame{Frame: "outcome", Node: s.Node, OK: true, At: now()})
		}
	}
	if len(frames) > 0 && r.engine.Journal != nil {
		if err := r.engine.Journal.append(frames...); err != nil {
			r.fail(fmt.Errorf("the journal: %w", err))
		}
	}
}

// ErrStopped is a run that ended early because Engine.Stop was closed.
var ErrStopped = errors.New("stopped before everything was done")

// A run is one execution: the states of its nodes, guarded by mu.
type run struct {
	*world
	plan  *Plan
	steps map[string]*Step
	users map[string][]string // within the plan
	slots chan struct{}       // local actions and machines

	lock     sync.Mutex
	wake     *sync.Cond
	needs    map[string]int
	queue    map[string][]string // ready nodes by host
	busy     map[string]bool     // hosts with a batch under way
	running  int
	left     int
	priority map[string]time.Duration
	summary  Summary
	first    error
	halted   bool
}

func newRun(e *Engine, p *Plan) *run {
	r := &run{
		world: p.world, plan: p, steps: map[string]*Step{}, users: map[string][]string{},
		slots: make(chan struct{}, e.parallel()), needs: map[string]int{},
		queue: map[string][]string{}, busy: map[string]bool{}, left: len(p.Steps),
	}
	r.wake = sync.NewCond(&r.lock)
	clear(r.changed) // from now on what did change counts, not what would
	for i := range p.Steps {
		r.steps[p.Steps[i].Node] = &p.Steps[i]
	}
	for _, s := range p.Steps {
		for _, need := range r.needsOf(s) {
			if _, ok := r.steps[need]; ok && !slices.Contains(r.users[need], s.Node) {
				r.users[need] = append(r.users[need], s.Node)
				r.needs[s.Node]++
			}
		}
	}
	r.priority = r.remaining()
	return r
}

// needsOf returns what s has to wait for: what its node depends on; for a
// removal the machine; and for a service whatever is removed from its host,
// which may hold its ports.
func (r *run) needsOf(s Step) []string {
	var needs []string
	for _, e := range s.node.Edges {
		needs = append(needs, e.To)
	}
	if s.Act == ActDelete && s.node.Machine == nil {
		return append(needs, "vm:"+s.Host)
	}
	if s.Stage != StageRun || s.Host == "" {
		return needs
	}
	for _, other := range r.plan.Steps {
		if other.Act == ActDelete && other.Host == s.Host {
			needs = append(needs, other.Node)
		}
	}
	return needs
}

// remaining returns the length of the longest path from each node to the end,
// on recorded durations; what never ran counts a second.
func (r *run) remaining() map[string]time.Duration {
	longest := map[string]time.Duration{}
	for _, s := range slices.Backward(r.plan.Steps) {
		own := time.Second
		if s.Act == ActNone {
			own = 0
		} else if d, ok := r.engine.Records.Durations[s.Node]; ok {
			own = d
		}
		var after time.Duration
		for _, u := range r.users[s.Node] {
			after = max(after, longest[u])
		}
		longest[s.Node] = own + after
	}
	return longest
}

// begin returns the nodes that the plan changes.
func (r *run) begin() []string {
	var nodes []string
	for _, s := range r.plan.Steps {
		if s.Act != ActNone {
			nodes = append(nodes, s.Node)
		}
	}
	return nodes
}

// schedule starts what is ready and waits until nothing runs any more.
func (r *run) schedule(ctx context.Context) {
	done := make(chan struct{})
	defer close(done)
	go r.watch(ctx, done)
	r.lock.Lock()
	defer r.lock.Unlock()
	var first []string
	for _, s := range r.plan.Steps {
		if r.needs[s.Node] == 0 {
			first = append(first, s.Node)
		}
	}
	for _, id := range first {
		r.start(ctx, id)
	}
	r.flush(ctx)
	for r.running > 0 {
		r.wake.Wait()
	}
	r.skipRest()
}

// watch turns a closed Stop into a halt.
func (r *run) watch(ctx context.Context, done <-chan struct{}) {
	select {
	case <-r.engine.Stop:
	case <-ctx.Done():
	case <-done:
		return
	}
	r.lock.Lock()
	r.halted = true
	r.lock.Unlock()
}

func (r *run) stopping() bool {
	return r.halted || r.first != nil && !r.engine.KeepGoing
}

// start begins work on a ready node; the lock is held.
func (r *run) start(ctx context.Context, id string) {
	s := r.steps[id]
	switch {
	case s.Act == ActNone:
		r.end(ctx, id, ActNone, 0, nil)
	case r.stopping():
	case s.node.Machine != nil:
		r.running++
		go r.machineNode(ctx, s)
	case s.node.Action != nil:
		r.running++
		go r.actionNode(ctx, s)
	default:
		r.queue[s.Host] = append(r.queue[s.Host], id)
	}
}

// flush sends off what became ready together; the lock is held.
func (r *run) flush(ctx context.Context) {
	for host := range r.queue {
		r.kick(ctx, host)
	}
}

// kick sends the ready nodes of a host off in one batch; the lock is held.
// While a batch is under way, ready nodes gather for the next.
func (r *run) kick(ctx context.Context, host string) {
	if r.busy[host] || len(r.queue[host]) == 0 || r.stopping() {
		return
	}
	ids := r.queue[host]
	delete(r.queue, host)
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(r.priority[b], r.priority[a]) })
	r.busy[host] = true
	r.running += len(ids) + 1 // the batch counts too, until the next one is on its way
	go func() {
		r.batch(ctx, host, ids)
		r.lock.Lock()
		defer r.lock.Unlock()
		r.busy[host] = false
		r.kick(ctx, host)
		r.running--
		r.wake.Broadcast()
	}()
}

// finish ends a node that was running.
func (r *run) finish(ctx context.Context, id string, act Act, took time.Duration, err error) {
	r.record(id, took, err)
	r.lock.Lock()
	defer r.lock.Unlock()
	r.end(ctx, id, act, took, err)
	r.flush(ctx)
	r.running--
	r.wake.Broadcast()
}

// record writes the outcome of a node to the journal.
func (r *run) record(id string, took time.Duration, err error) {
	if r.engine.Journal == nil {
		return
	}
	werr := r.engine.Journal.append(frame{Frame: "outcome", Node: id, OK: err == nil, Took: took, At: now()})
	if werr != nil {
		r.lock.Lock()
		defer r.lock.Unlock()
		r.fail(fmt.Errorf("the journal: %w", werr))
	}
}

func (r *run) fail(err error) {
	if r.first == nil {
		r.first = err
	}
}

// end counts a node and starts what waited for it; the lock is held.
func (r *run) end(ctx context.Context, id string, act Act, took time.Duration, err error) {
	r.left--
	s := r.steps[id]
	delete(r.steps, id)
	switch {
	case err != nil:
		r.summary.Failed++
		r.fail(&NodeError{Node: id, Position: s.Position, Cause: err})
	case act == ActNone:
		r.summary.Unchanged++
	case act == ActRun:
		r.summary.Ran++
	default:
		r.summary.Changed++
	}
	r.engine.emit(Ended(id, act, took, err))
	if err != nil {
		r.drop(id)
		return
	}
	for _, u := range r.users[id] {
		if r.needs[u]--; r.needs[u] == 0 && r.steps[u] != nil {
			r.start(ctx, u)
		}
	}
}

// drop skips everything that depends on a failed node; the lock is held.
func (r *run) drop(failed string) {
	pending := slices.Clone(r.users[failed])
	for len(pending) > 0 {
		id := pending[0]
		pending = pending[1:]
		if r.steps[id] == nil {
			continue
		}
		delete(r.steps, id)
		r.left--
		r.skip(id, failed+" did not succeed")
		pending = append(pending, r.users[id]...)
	}
}

func (r *run) skip(id, because string) {
	r.summary.Skipped++
	r.engine.emit(NodeSkipped{Node: id, Because: because})
}

// skipRest accounts for what was never started; the lock is held.
func (r *run) skipRest() {
	because := "the run was stopped"
	if r.first != nil {
		because = "something else did not succeed"
	}
	for _, s := range r.plan.Steps {
		if r.steps[s.Node] == nil {
			continue
		}
		delete(r.steps, s.Node)
		if s.Act == ActNone {
			r.summary.Unchanged++
			continue
		}
		r.skip(s.Node, because)
	}
}

// machineNode creates or starts a machine, connects, and asks once what all
// its nodes want to know.
func (r *run) machineNode(ctx context.Context, s *Step) {
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	start := r.started(s.Node, s.Act)
	err := r.intend(s.Node)
	if err == nil {
		err = r.arrive(ctx, s)
	}
	r.setChanged(s.Node)
	r.finish(ctx, s.Node, s.Act, time.Since(start), err)
}

func (r *run) arrive(ctx context.Context, s *Step) error {
	host := *s.node.Machine
	provider, err := r.engine.Provider(host.Provider.Kind())
	if err != nil {
		return err
	}
	r.disconnect(host.Name) // it may restart
	if s.Act == ActReplace {
		if err := provider.Remove(ctx, host, true); err != nil {
			return err
		}
	}
	progress := func(line string) { r.engine.emit(NodeProgress{Node: s.Node, Line: line}) }
	status, err := provider.Ensure(ctx, host, progress)
	if err != nil {
		return err
	}
	r.setStatus(host.Name, status)
	if err := r.connect(ctx, host, status); err != nil {
		return err
	}
	var nodes []*Node
	for _, other := range r.plan.Steps {
		if other.Host == host.Name && other.node.Resource != nil {
			nodes = append(nodes, other.node)
		}
	}
	queries, err := gather(r.scope(ctx, true), nodes)
	if err != nil {
		return err
	}
	if err := r.observe(ctx, host.Name, queries[host.Name]); err != nil {
		return err
	}
	return r.claim(host.Name)
}

// actionNode runs a task or a probe.
func (r *run) actionNode(ctx context.Context, s *Step) {
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	start := r.started(s.Node, s.Act)
	err := r.intend(s.Node)
	if err == nil {
		err = s.node.Action.Run(ctx, Surroundings{
			Scope: r.scope(ctx, true), Machine: r.machine(s.Host),
			Progress: func(line string) { r.engine.emit(NodeProgress{Node: s.Node, Line: line}) },
		})
	}
	r.finish(ctx, s.Node, s.Act, time.Since(start), err)
}

func (r *run) started(id string, act Act) time.Time {
	r.engine.emit(NodeStarted{Node: id, Act: act, At: now()})
	return time.Now()
}

// intend writes, before the effect, which nodes are about to change.
func (r *run) intend(ids ...string) error {
	if r.engine.Journal == nil {
		return errors.New("nothing is executed without a journal")
	}
	return r.engine.Journal.append(frame{Frame: "intent", Nodes: ids, At: now()})
}

// diffAt compares a node once more, now that everything it depends on is
// done.
func (r *run) diffAt(ctx context.Context, s *Step) (Change, error) {
	c, err := s.node.Resource.Diff(r.scope(ctx, true), r.factsOf(s.Host))
	return r.listed(s.Host, s.Node, c), err
}
