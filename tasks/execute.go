package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Execute carries out a plan that this engine made. It returns when nothing
// runs any more. The error is the first node's that went wrong, or the
// context's; the summary counts what happened in any case. Where a program
// that something needs is not there, nothing is begun.
//
// Closing Engine.Stop finishes what runs and starts nothing more; cancelling
// ctx ends what runs as well.
func (e *Engine) Execute(ctx context.Context, p *Plan) (Summary, error) {
	r := newRun(e, p)
	start := time.Now()
	if err := r.equipped(); err != nil {
		return r.summary, err
	}
	begun := r.begin()
	e.emit(RunStarted{Environment: e.Name, Targets: p.Targets, Nodes: begun})
	if err := r.open(len(begun) > 0); err != nil {
		return r.summary, err
	}
	if len(begun) > 0 {
		r.arrange()
		r.schedule(ctx)
	} else {
		r.nothing()
	}
	r.settle(len(begun) > 0)
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

// open writes what comes before everything else to the journal: what planning
// learned about files, and which resources are about to change. Local tasks
// are not in it: each has an intent of its own.
func (r *run) open(something bool) error {
	if r.engine.Journal == nil {
		return nil
	}
	if err := r.keepVerified(); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	if !something {
		return nil
	}
	f := frame{Kind: frameBegin, At: now(), OK: r.engine.Journal.begun}
	for i := range r.plan.Steps {
		if s := &r.plan.Steps[i]; s.Act != ActNone && !s.local() {
			f.Nodes = append(f.Nodes, s.Node)
		}
	}
	write := r.engine.Journal.append
	if len(f.Nodes) > 0 {
		write = r.engine.Journal.sure
	}
	if err := write(f); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	r.engine.Journal.begun = true
	return nil
}

// nothing ends a run that has nothing to do.
func (r *run) nothing() {
	at := now()
	for i := range r.plan.Steps {
		r.summary.Unchanged++
		r.engine.emit(NodeDone{Node: r.plan.Steps[i].Node, Act: ActNone, At: at})
	}
}

// settle lets the engine know what was learned, for its next plan, closes what
// an earlier run left half-done and this one found as declared, and waits until
// what was written is on disk.
func (r *run) settle(something bool) {
	if r.engine.Records.tasks == nil {
		r.engine.Records = newRecords()
	}
	for _, f := range r.learned {
		r.engine.Records.add(f)
	}
	if r.engine.Journal == nil {
		return
	}
	var frames []frame
	for i := range r.plan.Steps {
		s := &r.plan.Steps[i]
		if s.Act == ActNone && r.engine.Records.Pending[s.Node] && r.steps[s.Node] == nil {
			frames = append(frames, frame{Kind: frameOutcome, Nodes: []string{s.Node}, OK: true, At: now()})
		}
	}
	for _, f := range frames {
		r.engine.Records.add(f)
	}
	var err error
	if len(frames) > 0 {
		err = r.engine.Journal.append(frames...)
	}
	if err == nil && (something || len(frames) > 0) {
		err = r.engine.Journal.Sync()
	}
	if err != nil {
		r.fail(fmt.Errorf("the journal: %w", err))
	}
}

// ErrStopped is a run that ended early because Engine.Stop was closed.
var ErrStopped = errors.New("stopped before everything was done")

// A run is one execution: the states of its nodes, guarded by lock.
type run struct {
	*world
	plan  *Plan
	steps map[string]*Step    // that are not accounted for; nil where the plan has nothing to do
	users map[string][]string // within the plan

	lock     sync.Mutex
	wake     *sync.Cond
	needs    map[string]int
	free     []string            // waits for nothing any more
	queue    map[string][]string // ready nodes by host
	busy     map[string]bool     // hosts with a batch under way
	local    readyHeap           // ready actions and machines
	occupied int                 // actions and machines that are worked on
	records  map[string]bool     // whose outcome is written already
	learned  []frame             // for the engine's next plan
	running  int
	summary  Summary
	first    error
	halted   bool
}

func newRun(e *Engine, p *Plan) *run {
	r := &run{world: p.world, plan: p, queue: map[string][]string{}, busy: map[string]bool{}, records: map[string]bool{}}
	r.wake = sync.NewCond(&r.lock)
	clear(r.changed) // from now on what did change counts, not what would
	return r
}

// arrange notes what waits for what.
func (r *run) arrange() {
	p, n := r.plan, len(r.plan.Steps)
	r.steps, r.users, r.needs = make(map[string]*Step, n), make(map[string][]string, n), make(map[string]int, n)
	for i := range p.Steps {
		r.steps[p.Steps[i].Node] = &p.Steps[i]
	}
	removed := map[string][]string{} // by host
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Act == ActDelete {
			removed[s.Host] = append(removed[s.Host], s.Node)
		}
	}
	for i := range p.Steps {
		r.wait(&p.Steps[i], removed)
	}
}

// wait notes what s has to wait for: what its node depends on; for a removal
// the machine; and for a service whatever is removed from its host, which may
// hold its ports.
func (r *run) wait(s *Step, removed map[string][]string) {
	for _, e := range s.node.Edges {
		r.waitFor(s.Node, e.To)
	}
	switch {
	case s.Act == ActDelete && s.node.Machine == nil:
		r.waitFor(s.Node, "vm:"+s.Host)
	case s.Stage == StageRun && s.Host != "":
		for _, id := range removed[s.Host] {
			r.waitFor(s.Node, id)
		}
	}
}

// waitFor notes that a node waits for another one that is in the plan. One
// that it waits for already has it last in its list.
func (r *run) waitFor(id, need string) {
	if _, ok := r.steps[need]; !ok {
		return
	}
	if users := r.users[need]; len(users) == 0 || users[len(users)-1] != id {
		r.users[need] = append(users, id)
		r.needs[id]++
	}
}

// begin returns the nodes that the plan changes.
func (r *run) begin() []string {
	var nodes []string
	for i := range r.plan.Steps {
		if s := &r.plan.Steps[i]; s.Act != ActNone {
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
	r.local.priority, r.local.rank = r.remaining(), make(map[string]int, len(r.plan.Steps))
	for i := range r.plan.Steps {
		id := r.plan.Steps[i].Node
		r.local.rank[id] = i
		if r.needs[id] == 0 {
			r.free = append(r.free, id)
		}
	}
	r.proceed(ctx)
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

// finish ends a node that was running.
func (r *run) finish(ctx context.Context, id string, act Act, took time.Duration, err error) {
	r.lock.Lock()
	s := r.steps[id]
	noted := r.records[id] && err == nil
	r.lock.Unlock()
	if !noted && (act != ActNone || err != nil || !s.local()) {
		r.record(s, took, err)
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	if s.node.Machine != nil || s.node.Action != nil {
		r.occupied--
	}
	r.end(id, act, took, err)
	r.proceed(ctx)
	r.running--
	r.wake.Broadcast()
}

// noted says that the outcome of a node is in the journal already.
func (r *run) noted(f frame) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.records[f.Nodes[0]] = true
	r.learned = append(r.learned, f)
}

// record writes the outcome of a node to the journal.
func (r *run) record(s *Step, took time.Duration, err error) {
	if r.engine.Journal == nil {
		return
	}
	write := r.engine.Journal.sure
	if s.local() {
		write = r.engine.Journal.append
	}
	f := frame{Kind: frameOutcome, Nodes: []string{s.Node}, OK: err == nil, Took: took, At: now()}
	r.lock.Lock()
	if err == nil {
		r.learned = append(r.learned, f)
	} else if s.local() {
		r.learned = append(r.learned, frame{Kind: frameIntent, Nodes: f.Nodes}) // it is not done
	}
	r.lock.Unlock()
	werr := write(f)
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

// end counts a node and frees what waited for it; the lock is held.
func (r *run) end(id string, act Act, took time.Duration, err error) {
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
			r.free = append(r.free, u)
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
	start := r.started(s.Node, s.Act)
	err := r.intend(s)
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

func (r *run) started(id string, act Act) time.Time {
	r.engine.emit(NodeStarted{Node: id, Act: act, At: now()})
	return time.Now()
}

// intend writes, before the effect, what is about to change.
func (r *run) intend(steps ...*Step) error {
	if r.engine.Journal == nil {
		return errors.New("nothing is executed without a journal")
	}
	f := frame{Kind: frameIntent, At: now()}
	write := r.engine.Journal.append
	for _, s := range steps {
		f.Nodes = append(f.Nodes, s.Node)
		if !s.local() {
			write = r.engine.Journal.sure
		}
	}
	if err := write(f); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	return nil
}

// diffAt compares a node once more, now that everything it depends on is
// done.
func (r *run) diffAt(ctx context.Context, s *Step) (Change, error) {
	c, err := s.node.Resource.Diff(r.scope(ctx, true), r.factsOf(s.Host))
	return r.listed(s.node, c), err
}
