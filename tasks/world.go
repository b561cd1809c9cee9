package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A world is what a run knows of the outside at a moment: machines, what they
// answered, and what the nodes answer. Planning fills it, executing goes on
// with it.
type world struct {
	engine *Engine

	mu       sync.Mutex
	status   map[string]Status
	machines map[string]hosts.Machine
	facts    map[string]hosts.Facts
	asked    map[string]map[string]hosts.Query // by host and key
	outputs  map[string]map[string]string
	changed  map[string]bool
	made     map[string]bool          // nodes that answer Made
	verdicts map[string]cache.Verdict // on actions that were found as recorded
	passed   []cache.File             // where their tools are not
}

func newWorld(e *Engine) *world {
	return &world{
		engine: e, status: map[string]Status{}, machines: map[string]hosts.Machine{},
		facts: map[string]hosts.Facts{}, asked: map[string]map[string]hosts.Query{},
		outputs: map[string]map[string]string{}, changed: map[string]bool{}, verdicts: map[string]cache.Verdict{}, made: map[string]bool{},
	}
}

func (w *world) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for host := range w.machines {
		w.hangUp(host)
	}
}

// disconnect ends the connection to a machine and forgets what was observed
// of it.
func (w *world) disconnect(host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hangUp(host)
	delete(w.facts, host)
	delete(w.asked, host)
}

// hangUp ends a connection; mu is held.
func (w *world) hangUp(host string) {
	if c, ok := w.machines[host].(io.Closer); ok {
		_ = c.Close() // nothing is lost: batches are answered or failed
	}
	delete(w.machines, host)
}

// scope answers for nodes; create lets secrets be generated.
func (w *world) scope(ctx context.Context, create bool) *Scope {
	return &Scope{
		Outputs: func(node, attribute string) (string, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if attribute == Made {
				return "", w.made[node]
			}
			v, ok := w.outputs[node][attribute]
			return v, ok
		},
		Secret: func(name string) (string, error) {
			return w.engine.Secrets.Value(ctx, name, create)
		},
		MAC: func(data []byte) (string, error) { return w.engine.Secrets.MAC(data, create) },
		Changed: func(node string) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.changed[node] || w.engine.Records.Pending[node]
		},
	}
}

func (w *world) setStatus(host string, s Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status[host] = s
	if s.State == StateRunning {
		w.outputs["vm:"+host] = s.Outputs
	}
}

func (w *world) setOutputs(node string, outputs map[string]string) {
	if len(outputs) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.outputs[node] == nil {
		w.outputs[node] = map[string]string{}
	}
	for k, v := range outputs {
		w.outputs[node][k] = v
	}
}

// setMade notes that what a node makes is there.
func (w *world) setMade(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made[node] = true
}

func (w *world) setChanged(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed[node] = true
}

func (w *world) machine(host string) hosts.Machine {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.machines[host]
}

func (w *world) factsOf(host string) hosts.Facts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.facts[host]
}

// look finds out what a machine is and connects to a running one.
func (w *world) look(ctx context.Context, host environments.Host) error {
	p, err := w.engine.Provider(host.Provider.Kind())
	if err != nil {
		return err
	}
	s, err := p.Status(ctx, host)
	if err != nil {
		return fmt.Errorf("vm:%s: %w", host.Name, err)
	}
	if s.State == StateRunning {
		if err := w.connect(ctx, host, s); err != nil {
			if !errors.Is(err, hosts.ErrConnection) && !errors.Is(err, hosts.ErrTimeout) {
				return err
			}
			s.State, s.Reason = StateUnreachable, err.Error()
		}
	}
	w.setStatus(host.Name, s)
	w.engine.emit(HostStatus{Host: host.Name, State: s.State, Reason: s.Reason})
	return nil
}

func (w *world) connect(ctx context.Context, host environments.Host, s Status) error {
	m, err := w.engine.Connect(ctx, host, s, func(line string) {
		w.engine.emit(HostProgress{Host: host.Name, Line: line})
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.machines[host.Name] = m
	return nil
}

// observe asks a machine what is not known yet of queries, in one batch.
func (w *world) observe(ctx context.Context, host string, queries []hosts.Query) error {
	missing := w.missing(host, queries)
	m := w.machine(host)
	if len(missing) == 0 || m == nil {
		return nil
	}
	start := time.Now()
	facts, err := m.Observe(ctx, missing)
	if err != nil {
		return err
	}
	w.engine.emit(BatchDone{Host: host, Verb: "observe", Items: len(missing), Took: time.Since(start)})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.facts[host] == nil {
		w.facts[host], w.asked[host] = hosts.Facts{}, map[string]hosts.Query{}
	}
	for _, q := range missing {
		w.asked[host][q.Key()] = q
	}
	for key, f := range facts {
		w.facts[host][key] = f
	}
	return nil
}

// missing returns the queries that no earlier batch answers.
func (w *world) missing(host string, queries []hosts.Query) []hosts.Query {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []hosts.Query
	seen := map[string]bool{}
	for _, q := range queries {
		if seen[q.Key()] || w.answered(host, q) {
			continue
		}
		seen[q.Key()] = true
		missing = append(missing, q)
	}
	return missing
}

// answered reports whether an earlier answer serves q. A file that was asked
// for before its wanted bytes were known serves when it turns out to have
// them; otherwise its content is still to be read.
func (w *world) answered(host string, q hosts.Query) bool {
	before, ok := w.asked[host][q.Key()]
	if !ok {
		return false
	}
	want, isFile := q.(hosts.FileQuery)
	if !isFile {
		return fmt.Sprint(before) == fmt.Sprint(q)
	}
	was := before.(hosts.FileQuery)
	if was.Digest == want.Digest && bytes.Equal(was.Secret, want.Secret) {
		return true
	}
	f, ok := w.facts[host][q.Key()].(*hosts.FileFact)
	if !ok || want.Secret != nil {
		return false
	}
	f.Same = f.Digest != "" && f.Digest == want.Digest
	return f.Same || f.Type == ""
}

// listed makes a change of a node that is as declared but that its machine's
// manifest does not list: what is not listed could not be removed later.
func (w *world) listed(n *Node, c Change) Change {
	if c.Act == "" {
		c.Act = ActNone
	}
	c = w.moved(n, c)
	if c.Act != ActNone || c.Owned == nil || w.machine(n.Host) == nil {
		return c
	}
	if !reflect.DeepEqual(w.manifest(n.Host).Owned[n.ID], *c.Owned) {
		c.Act, c.Reason = ActUpdate, "the machine's manifest does not list it"
	}
	return c
}

// manifest returns what a machine lists as ours.
func (w *world) manifest(host string) hosts.Manifest {
	m, ok := hosts.Find[*hosts.Manifest](w.factsOf(host), hosts.ManifestQuery{})
	if !ok || m == nil {
		return hosts.Manifest{}
	}
	return *m
}

// claim refuses a machine that belongs to another environment.
func (w *world) claim(host string) error {
	m := w.manifest(host)
	if m.Environment == "" || m.Environment == w.engine.ID {
		return nil
	}
	return &hosts.StepError{
		Host: host, Step: "read the manifest",
		Cause: fmt.Errorf("this machine belongs to environment %s (id %s)", m.Name, m.Environment),
		Next:  "destroy that environment first, or set environment(id = …) to its id to take it over",
	}
}

func hostsOf(g *Graph, nodes map[string]bool) []environments.Host {
	var list []environments.Host
	for _, id := range g.order {
		n := g.nodes[id]
		if n.Machine != nil && (nodes[id] || slices.ContainsFunc(g.users[id], func(u string) bool { return nodes[u] })) {
			list = append(list, *n.Machine)
		}
	}
	return list
}
