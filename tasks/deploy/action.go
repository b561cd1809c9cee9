package deploy

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// probe adds a probe(). It needs every service of its host: a probe that runs
// while one of them restarts would say nothing.
func (b *builder) probe(p environments.Probe) {
	n := &tasks.Node{
		ID: "probe:" + p.Name, Stage: tasks.StageTest, Host: p.Host, Position: p.Position, Action: b.options.Probe(p),
	}
	needs := []string{"vm:" + p.Host, b.guardOf(p.Host)}
	for _, s := range b.servicesOf(p.Host) {
		needs = append(needs, "service:"+s.Name)
	}
	b.add(n, needs...)
	for _, v := range []*environments.Value{p.UDPTracker, p.HTTPTracker, p.HTTP, p.TCP} {
		if v != nil {
			refs(n, *v)
		}
	}
}

// A RunFunc runs a command on the operator's computer, in the project root,
// with exactly this environment beside PATH and HOME, and this to read.
// Everything that it started is gone when it returns, also when ctx ends before
// the command does.
type RunFunc func(ctx context.Context, argv, env []string, input []byte, output io.Writer) error

// group adds a group(): a target that only names others.
func (b *builder) group(g environments.Group) {
	n := &tasks.Node{ID: "group:" + g.Name, Stage: tasks.StageTask, Position: g.Position, Doc: g.Doc}
	n.Edges = make([]tasks.Edge, 0, len(g.Of))
	for _, id := range g.Of {
		n.Edges = append(n.Edges, tasks.Edge{To: id, Field: "of", Position: g.Position})
	}
	b.nodes = append(b.nodes, n)
}

// task adds a task(). It waits for the tasks whose handles are among its
// inputs, and for those whose outputs are: that is what a path in inputs means
// which is, or is in, the output of another task. Its node and its command are
// made in n and c.
func (b *builder) task(t *environments.Task, n *tasks.Node, c *command) {
	*c = command{task: t, run: b.options.Run, timeout: time.Duration(t.Timeout), outputsOf: b.made}
	*n = tasks.Node{
		ID: "task:" + t.Name, Stage: tasks.StageTask, Host: t.Host, Position: t.Position, Doc: t.Doc, Action: c,
	}
	for _, id := range t.After {
		n.Edges = append(n.Edges, tasks.Edge{To: id, Field: "after", Position: t.Position})
	}
	for _, in := range t.Inputs {
		maker := in.Task
		if maker == "" {
			maker = b.makerOf(in.Path)
		}
		if maker != "" && (maker != t.Name || in.Task != "") {
			b.inputEdge(n, "task:"+maker)
		}
	}
	for _, argv := range t.Run {
		refs(n, argv...)
	}
	for _, e := range t.Env {
		refs(n, e.Value)
	}
	if t.Stdin != nil {
		refs(n, *t.Stdin)
	}
	if t.Host != "" {
		b.add(n, b.base(t.Host))
		return
	}
	b.add(n)
}

// outputsOf returns what a task makes on the operator's computer.
func (b *builder) outputsOf(task string) []string {
	if t, ok := b.tasks[task]; ok && t.Host == "" {
		return t.Outputs
	}
	return nil
}

// inputEdge adds an edge unless the last one is the same: the files of one
// output follow each other.
func (b *builder) inputEdge(n *tasks.Node, to string) {
	if k := len(n.Edges); k > 0 && n.Edges[k-1].To == to {
		return
	}
	n.Edges = append(n.Edges, tasks.Edge{To: to, Field: "inputs", Position: n.Position})
}

// makerOf returns the task that has p, or a directory that p is in, among its
// outputs; "" when none has.
func (b *builder) makerOf(p string) string {
	if len(b.makers) == 0 {
		return ""
	}
	for {
		if name, ok := b.makers[path.Clean(p)]; ok {
			return name
		}
		i := strings.LastIndexByte(p, '/')
		if i <= 0 {
			return ""
		}
		p = p[:i]
	}
}
