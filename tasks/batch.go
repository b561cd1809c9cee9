package tasks

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A job is a node of a batch with what is to be done for it.
type job struct {
	step    *Step
	change  Change
	started time.Time
}

// batch works on ready nodes of one machine: one observe for what is not
// known yet, one apply for all short operations, and beside each other the
// nodes that need long ones. It returns when the short ones are done: while
// the long ones go on, the next batch is sent.
func (r *run) batch(ctx context.Context, host string, ids []string) {
	jobs, err := r.prepare(ctx, host, ids)
	if err != nil {
		for _, j := range jobs {
			r.finish(ctx, j.step.Node, j.step.Act, time.Since(j.started), err)
		}
		return
	}
	var short, long []job
	for _, j := range jobs {
		if isLong(j.change.Operations) {
			long = append(long, j)
		} else {
			short = append(short, j)
		}
	}
	own := r.own(host, jobs)
	if err := r.applyShort(ctx, host, own, short); err != nil {
		for _, j := range long {
			r.finish(ctx, j.step.Node, j.change.Act, time.Since(j.started), err)
		}
		return
	}
	for _, j := range long {
		go r.applyLong(ctx, host, j)
	}
}

func isLong(ops []hosts.Operation) bool {
	for _, op := range ops {
		if op.Long() {
			return true
		}
	}
	return false
}

// prepare compares the nodes with the machine and finishes those that turn
// out to be as declared. On an error it returns the jobs that it is about.
func (r *run) prepare(ctx context.Context, host string, ids []string) ([]job, error) {
	var all []job
	var nodes []*Node
	r.lock.Lock()
	for _, id := range ids {
		s := r.steps[id]
		all = append(all, job{step: s, started: time.Now()})
		nodes = append(nodes, s.node)
	}
	r.lock.Unlock()
	scope := r.scope(ctx, true)
	queries, err := gather(scope, nodes)
	if err == nil {
		err = r.observe(ctx, host, queries[host])
	}
	if err != nil {
		return all, err
	}
	var jobs []job
	for _, j := range all {
		c, err := r.diffAt(ctx, j.step)
		if err != nil || c.Act == ActNone {
			r.setOutputs(j.step.Node, c.Outputs)
			r.finish(ctx, j.step.Node, c.Act, time.Since(j.started), err)
			continue
		}
		j.change = c
		j.started = r.started(j.step.Node, c.Act)
		jobs = append(jobs, j)
	}
	if len(jobs) == 0 {
		return nil, nil
	}
	steps := make([]*Step, len(jobs))
	for i, j := range jobs {
		steps[i] = j.step
	}
	return jobs, r.intend(steps...)
}

// own returns the manifest entries that have to be written before the jobs
// are worked on, and nil when the machine lists them already.
func (r *run) own(host string, jobs []job) []hosts.Operation {
	listed := r.manifest(host)
	op := hosts.Own{Environment: r.engine.ID, Name: r.engine.Name, Set: map[string]hosts.Owned{}}
	for _, j := range jobs {
		if o := j.change.Owned; o != nil && !reflect.DeepEqual(listed.Owned[j.step.Node], *o) {
			op.Set[j.step.Node] = *o
		}
	}
	if len(op.Set) == 0 {
		return nil
	}
	return []hosts.Operation{op}
}

// applyShort sends the manifest entries and the operations of all short jobs
// in one batch and finishes the jobs. Its error means that not even the
// manifest could be written.
func (r *run) applyShort(ctx context.Context, host string, own []hosts.Operation, jobs []job) error {
	ops := own
	ends := make([]int, len(jobs)) // index behind the last operation of each job
	for i, j := range jobs {
		ops = append(ops, j.change.Operations...)
		ops = append(ops, r.disown(j)...)
		ends[i] = len(ops)
	}
	results, err := r.apply(ctx, host, ops, nil)
	tried := len(results)
	if err != nil && tried <= len(own) && len(own) > 0 {
		for _, j := range jobs {
			r.finish(ctx, j.step.Node, j.change.Act, time.Since(j.started), err)
		}
		return err
	}
	// The operation that went wrong is the last that was tried.
	failed := len(jobs)
	if err != nil {
		failed = slices.IndexFunc(ends, func(end int) bool { return end >= tried })
	}
	from := len(own)
	for i, j := range jobs {
		switch {
		case i < failed:
			r.learn(j, results[from:ends[i]])
			r.finish(ctx, j.step.Node, j.change.Act, time.Since(j.started), nil)
		case i == failed:
			r.finish(ctx, j.step.Node, j.change.Act, time.Since(j.started), err)
		default:
			r.retry(ctx, j, err)
		}
		from = ends[i]
	}
	return nil
}

// retry puts a job back whose turn did not come because another one of the
// batch went wrong; when the run is stopping, it is accounted for as skipped.
func (r *run) retry(ctx context.Context, j job, cause error) {
	if errors.Is(cause, hosts.ErrConnection) || errors.Is(cause, hosts.ErrLocked) {
		r.finish(ctx, j.step.Node, j.change.Act, time.Since(j.started), cause)
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	r.running--
	if !r.stopping() {
		r.queue[j.step.Host] = append(r.queue[j.step.Host], j.step.Node)
	}
	r.wake.Broadcast()
}

// applyLong works on one node in a session of its own.
func (r *run) applyLong(ctx context.Context, host string, j job) {
	progress := func(line string) { r.engine.emit(NodeProgress{Node: j.step.Node, Line: line}) }
	ops := append(j.change.Operations, r.disown(j)...)
	results, err := r.apply(ctx, host, ops, progress)
	if err == nil {
		r.learn(j, results)
	}
	r.finish(ctx, j.step.Node, j.change.Act, time.Since(j.started), err)
}

func (r *run) apply(ctx context.Context, host string, ops []hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	m := r.machine(host)
	if m == nil {
		return nil, &hosts.StepError{Host: host, Step: "connect", Cause: hosts.ErrConnection}
	}
	if len(ops) == 0 {
		return nil, nil
	}
	start := time.Now()
	results, err := m.Apply(ctx, ops, progress)
	r.engine.emit(BatchDone{Host: host, Verb: "apply", Items: len(ops), Took: time.Since(start)})
	return results, err
}

// disown strikes a removed thing off the manifest, and earlier names of one
// that has taken over what they owned.
func (r *run) disown(j job) []hosts.Operation {
	op := hosts.Own{Environment: r.engine.ID, Name: r.engine.Name, Set: map[string]hosts.Owned{}}
	strike := func(id string, rest hosts.Owned, some bool) {
		if some {
			op.Set[id] = rest
		} else {
			op.Drop = append(op.Drop, id)
		}
	}
	if o, ok := j.step.node.Resource.(orphan); ok {
		rest, some := o.remains()
		strike(o.id, rest, some)
	}
	for _, old := range j.change.takes {
		rest, some := j.change.leaves(r.manifest(j.step.Host).Owned[old])
		strike(old, rest, some)
	}
	if len(op.Set)+len(op.Drop) == 0 {
		return nil
	}
	return []hosts.Operation{op}
}

// learn keeps what a node answers from now on. Values of its operations that
// belong in the manifest (a resolved image) are put there with the next write.
func (r *run) learn(j job, results []hosts.Result) {
	r.setChanged(j.step.Node)
	r.setOutputs(j.step.Node, j.change.Outputs)
	for _, res := range results {
		r.setOutputs(j.step.Node, res.Values)
	}
}
