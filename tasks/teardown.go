package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"golang.org/x/sync/errgroup"
)

// A Teardown says what Destroy does with the machines.
type Teardown struct {
	KeepData bool // data disks of machines that a provider made stay
}

// Destroy is the way back from any state: machines that a provider made are
// removed whole; from machines that were there before, everything that their
// manifest lists is removed, data included unless KeepData, and it is
// verified that nothing is left. Machines are worked on in parallel; one that
// cannot be reached is an error, and the others go on.
func (e *Engine) Destroy(ctx context.Context, machines []environments.Host, t Teardown) (Summary, error) {
	start := time.Now()
	ids := make([]string, len(machines))
	for i, h := range machines {
		ids[i] = "vm:" + h.Name
	}
	e.emit(RunStarted{Environment: e.Name, Targets: []string{"destroy"}, Nodes: ids})
	w := newWorld(e)
	defer w.close()
	errs := make([]error, len(machines))
	acts := make([]Act, len(machines))
	var group errgroup.Group
	for i, h := range machines {
		group.Go(func() error {
			began := time.Now()
			e.emit(NodeStarted{Node: ids[i], Act: ActDelete, At: now()})
			acts[i], errs[i] = w.teardown(ctx, h, t)
			e.emit(Ended(ids[i], acts[i], time.Since(began), errs[i]))
			if errs[i] != nil {
				errs[i] = &NodeError{ids[i], h.Position, errs[i]}
			}
			return nil
		})
	}
	_ = group.Wait() // errors are in errs
	var s Summary
	for i := range machines {
		switch {
		case errs[i] != nil:
			s.Failed++
		case acts[i] == ActNone:
			s.Unchanged++
		default:
			s.Changed++
		}
	}
	s.Took = time.Since(start)
	e.emit(RunDone{Summary: s})
	return s, errors.Join(errs...)
}

func (w *world) teardown(ctx context.Context, h environments.Host, t Teardown) (Act, error) {
	provider, err := w.engine.Provider(h.Provider.Kind())
	if err != nil {
		return ActDelete, err
	}
	if h.Provider.Existing != nil {
		return w.empty(ctx, h, t)
	}
	status, err := provider.Status(ctx, h)
	if err != nil {
		return ActDelete, err
	}
	if err := provider.Remove(ctx, h, t.KeepData); err != nil {
		return ActDelete, err
	}
	after, err := provider.Status(ctx, h)
	switch {
	case err != nil:
		return ActDelete, err
	case after.State != StateAbsent:
		return ActDelete, fmt.Errorf("it is still %s after it was removed", after.State)
	case status.State == StateAbsent && len(status.Kept) == len(after.Kept):
		return ActNone, nil
	}
	return ActDelete, nil
}

// empty removes everything of ours from a machine that stays.
func (w *world) empty(ctx context.Context, h environments.Host, t Teardown) (Act, error) {
	if err := w.look(ctx, h); err != nil {
		return ActDelete, err
	}
	if s := w.status[h.Name]; s.State != StateRunning {
		return ActDelete, fmt.Errorf("it is %s: %s", s.State, s.Reason)
	}
	queries := []hosts.Query{
		hosts.ManifestQuery{},
		hosts.FileQuery{Path: hosts.StateDirectory}, hosts.FileQuery{Path: hosts.StackDirectory},
	}
	if err := w.observe(ctx, h.Name, queries); err != nil {
		return ActDelete, err
	}
	if err := w.claim(h.Name); err != nil {
		return ActDelete, err
	}
	if len(w.traces(h.Name)) == 0 {
		return ActNone, nil
	}
	ops := dismantle(w.manifest(h.Name), t.KeepData)
	if _, err := w.machine(h.Name).Apply(ctx, ops, nil); err != nil {
		return ActDelete, err
	}
	w.disconnect(h.Name)
	if err := w.look(ctx, h); err != nil {
		return ActDelete, err
	}
	if err := w.observe(ctx, h.Name, queries); err != nil {
		return ActDelete, err
	}
	if left := w.traces(h.Name); len(left) > 0 && !t.KeepData {
		return ActDelete, fmt.Errorf("still there after they were removed: %s", strings.Join(left, ", "))
	}
	return ActDelete, nil
}

// traces returns which of our directories are on a machine.
func (w *world) traces(host string) []string {
	var paths []string
	for _, path := range []string{hosts.StackDirectory, hosts.StateDirectory} {
		f, ok := hosts.Find[*hosts.FileFact](w.factsOf(host), hosts.FileQuery{Path: path})
		if ok && f.Type != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// dismantle returns the operations that remove everything listed, what other
// things rest on last: services, then files and units, then the firewall.
func dismantle(m hosts.Manifest, keepData bool) []hosts.Operation {
	ids := make([]string, 0, len(m.Owned))
	for id := range m.Owned {
		ids = append(ids, id)
	}
	rank := func(id string) int {
		o := m.Owned[id]
		switch {
		case len(o.Services) > 0:
			return 0
		case o.Table != "":
			return 2
		}
		return 1
	}
	slices.SortFunc(ids, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var ops []hosts.Operation
	projects := map[string]bool{}
	for _, id := range ids {
		o := m.Owned[id]
		if o.Project != "" && !projects[o.Project] {
			projects[o.Project] = true
			ops = append(ops, hosts.ComposeDown{Project: o.Project})
		}
		ops = append(ops, removal(hosts.Owned{Units: o.Units, Table: o.Table, Paths: o.Paths})...)
	}
	if !keepData {
		ops = append(ops, hosts.Remove{Path: hosts.StackDirectory})
	}
	return append(ops, hosts.Remove{Path: hosts.StateDirectory})
}
