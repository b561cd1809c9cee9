package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A machine in memory: files by path. Writing to a path that is in broken
// fails; every batch is noted.
type machine struct {
	mu      sync.Mutex
	files   map[string]string
	broken  map[string]error
	batches []string
	hold    chan struct{} // when set, long operations wait for it
}

func (m *machine) Observe(_ context.Context, queries []hosts.Query) (hosts.Facts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	facts := hosts.Facts{}
	for _, q := range queries {
		switch q := q.(type) {
		case hosts.FileQuery:
			f := &hosts.FileFact{}
			if text, ok := m.files[q.Path]; ok {
				f.Type, f.Content = "file", []byte(text)
			}
			facts[q.Key()] = f
		case hosts.ManifestQuery:
			facts[q.Key()] = &hosts.Manifest{}
		}
	}
	m.batches = append(m.batches, fmt.Sprintf("observe %d", len(queries)))
	return facts, nil
}

func (m *machine) Apply(ctx context.Context, ops []hosts.Operation, _ func(string)) ([]hosts.Result, error) {
	var results []hosts.Result
	var names []string
	for _, op := range ops {
		if op.Long() && m.hold != nil {
			select {
			case <-m.hold:
			case <-ctx.Done():
				return append(results, hosts.Result{}), ctx.Err()
			}
		}
		m.mu.Lock()
		w, ok := op.(hosts.WriteFile)
		err := m.broken[w.Path]
		if ok && err == nil {
			m.files[w.Path] = string(w.Content)
		}
		m.mu.Unlock()
		results = append(results, hosts.Result{Changed: true})
		names = append(names, op.Step())
		if ok && err != nil {
			return results, &hosts.StepError{Host: "web", Step: op.Step(), Cause: err}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, "apply "+strings.Join(names, ", "))
	return results, nil
}

// fileAt is a resource: a file with one text.
type fileAt struct {
	path, text string
	long       bool
}

func (r fileAt) Queries(*tasks.Scope) ([]hosts.Query, error) {
	return []hosts.Query{hosts.FileQuery{Path: r.path}}, nil
}

func (r fileAt) Diff(_ *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	f, ok := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: r.path})
	if ok && string(f.Content) == r.text {
		return tasks.Change{}, nil
	}
	ops := []hosts.Operation{hosts.WriteFile{Path: r.path, Content: []byte(r.text)}}
	if r.long {
		ops = append(ops, hosts.Run{Argv: []string{"true"}})
	}
	return tasks.Change{Act: tasks.ActCreate, Operations: ops}, nil
}

// up is a provider whose machines always run.
type up struct{}

func (up) Status(context.Context, environments.Host) (tasks.Status, error) {
	return tasks.Status{State: tasks.StateRunning}, nil
}
func (u up) Ensure(ctx context.Context, h environments.Host, _ func(string)) (tasks.Status, error) {
	return u.Status(ctx, h)
}
func (up) Stop(context.Context, environments.Host) error         { return nil }
func (up) Remove(context.Context, environments.Host, bool) error { return nil }

func host(name string) *tasks.Node {
	return &tasks.Node{
		ID: "vm:" + name, Stage: tasks.StageProvision,
		Machine: &environments.Host{Declared: environments.Declared{Name: name}},
	}
}

func file(name, on string, long bool, needs ...string) *tasks.Node {
	n := &tasks.Node{
		ID: "file:" + name, Stage: tasks.StageRelease, Host: on,
		Resource: fileAt{"/" + name, "text of " + name, long},
	}
	for _, to := range append(needs, "vm:"+on) {
		n.Edges = append(n.Edges, tasks.Edge{To: to})
	}
	return n
}

type trial struct {
	engine  *tasks.Engine
	plan    *tasks.Plan
	skipped []string
	failed  []string
}

func try(t *testing.T, machines map[string]*machine, nodes ...*tasks.Node) *trial {
	t.Helper()
	journal, records, err := tasks.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = journal.Close() })
	x := &trial{}
	x.engine = &tasks.Engine{
		Name: "demo", ID: "demo-1", Journal: journal, Records: records,
		Provider: func(string) (tasks.Provider, error) { return up{}, nil },
		Connect: func(_ context.Context, h environments.Host, _ tasks.Status, _ func(string)) (hosts.Machine, error) {
			return machines[h.Name], nil
		},
		Observe: func(e tasks.Event) {
			switch e := e.(type) {
			case tasks.NodeSkipped:
				x.skipped = append(x.skipped, e.Node)
			case tasks.NodeDone:
				if e.Error != "" {
					x.failed = append(x.failed, e.Node)
				}
			}
		},
	}
	g, err := tasks.NewGraph(nodes)
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Select([]string{"deploy"}, false)
	if err != nil {
		t.Fatal(err)
	}
	if x.plan, err = x.engine.Plan(t.Context(), g, s); err != nil {
		t.Fatal(err)
	}
	return x
}

func empty() *machine { return &machine{files: map[string]string{}, broken: map[string]error{}} }

func TestReadyNodesShareABatch(t *testing.T) {
	m := empty()
	x := try(t, map[string]*machine{"web": m}, host("web"),
		file("a", "web", false), file("b", "web", false), file("c", "web", false, "file:a", "file:b"))
	s, err := x.engine.Execute(t.Context(), x.plan)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"observe 5", "apply write /a, write /b", "apply write /c"}
	if !slices.Equal(m.batches, want) {
		t.Errorf("batches %q, want %q", m.batches, want)
	}
	if s.Changed != 3 || s.Unchanged != 1 {
		t.Errorf("summary %+v", s)
	}
}

func TestAFailureEndsItsBatchAndKeepGoingTheRest(t *testing.T) {
	for _, keepGoing := range []bool{false, true} {
		m := empty()
		m.broken["/b"] = hosts.ErrNoSpace
		x := try(t, map[string]*machine{"web": m}, host("web"),
			file("a", "web", false), file("b", "web", false), file("c", "web", false),
			file("d", "web", false, "file:b"), file("e", "web", false, "file:a"))
		x.engine.KeepGoing = keepGoing
		s, err := x.engine.Execute(t.Context(), x.plan)
		if !errors.Is(err, hosts.ErrNoSpace) || !strings.Contains(err.Error(), "file:b") {
			t.Errorf("error %v", err)
		}
		changed, skipped := 1, []string{"file:d", "file:c", "file:e"}
		if keepGoing {
			changed, skipped = 3, []string{"file:d"}
		}
		if s.Changed != changed || s.Failed != 1 || !slices.Equal(x.skipped, skipped) {
			t.Errorf("keep going %v: %+v, skipped %v", keepGoing, s, x.skipped)
		}
	}
}

func TestStopFinishesWhatRuns(t *testing.T) {
	m := empty()
	m.hold = make(chan struct{})
	x := try(t, map[string]*machine{"web": m}, host("web"), file("a", "web", true), file("b", "web", false, "file:a"))
	stop := make(chan struct{})
	x.engine.Stop = stop
	observe := x.engine.Observe
	x.engine.Observe = func(e tasks.Event) {
		observe(e)
		if started, ok := e.(tasks.NodeStarted); ok && started.Node == "file:a" {
			close(stop)
			close(m.hold)
		}
	}
	s, err := x.engine.Execute(t.Context(), x.plan)
	if s.Changed+s.Skipped != 2 || m.files["/a"] == "" {
		t.Errorf("summary %+v, files %v", s, m.files)
	}
	if s.Skipped == 1 && !errors.Is(err, tasks.ErrStopped) {
		t.Errorf("error %v", err)
	}
}

func TestCancelEndsWhatRuns(t *testing.T) {
	m := empty()
	m.hold = make(chan struct{})
	x := try(t, map[string]*machine{"web": m}, host("web"), file("a", "web", true))
	ctx, cancel := context.WithCancel(t.Context())
	observe := x.engine.Observe
	x.engine.Observe = func(e tasks.Event) {
		observe(e)
		if _, ok := e.(tasks.NodeStarted); ok {
			cancel()
		}
	}
	if _, err := x.engine.Execute(ctx, x.plan); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Two machines are worked on at the same time: each waits for the other.
func TestMachinesOverlap(t *testing.T) {
	gate := make(chan struct{})
	var group sync.WaitGroup
	group.Add(2)
	go func() { group.Wait(); close(gate) }()
	a, b := empty(), empty()
	a.hold, b.hold = gate, gate
	x := try(t, map[string]*machine{"a": a, "b": b}, host("a"), host("b"), file("x", "a", true), file("y", "b", true))
	observe := x.engine.Observe
	x.engine.Observe = func(e tasks.Event) {
		observe(e)
		if _, ok := e.(tasks.NodeStarted); ok {
			group.Done()
		}
	}
	if s, err := x.engine.Execute(t.Context(), x.plan); err != nil || s.Changed != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestOnlyNamesTheUnmetDependency(t *testing.T) {
	x := try(t, map[string]*machine{"web": empty()}, host("web"), file("a", "web", false))
	g, err := tasks.NewGraph([]*tasks.Node{host("web"), file("a", "web", false), file("b", "web", false, "file:a")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Select([]string{"file:b"}, true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.engine.Plan(t.Context(), g, s)
	if err == nil || err.Error() != "dependency file:a is not met: it needs create" {
		t.Errorf("error %v", err)
	}
}
