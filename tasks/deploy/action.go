package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
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

// A RunFunc runs a command on the operator's computer.
type RunFunc func(ctx context.Context, argv, env []string, output io.Writer) error

// task adds a task().
func (b *builder) task(t environments.Task) {
	n := &tasks.Node{
		ID: "task:" + t.Name, Stage: tasks.StageTask, Host: t.Host, Position: t.Position, Doc: t.Doc,
		Action: command{task: t, run: b.options.Run},
	}
	for _, id := range t.After {
		n.Edges = append(n.Edges, tasks.Edge{To: id, Field: "after", Position: t.Position})
	}
	for _, in := range t.Inputs {
		if in.Task != "" {
			n.Edges = append(n.Edges, tasks.Edge{To: "task:" + in.Task, Field: "inputs", Position: t.Position})
		}
	}
	for _, argv := range t.Run {
		refs(n, argv...)
	}
	for _, e := range t.Env {
		refs(n, e.Value)
	}
	if t.Host != "" {
		b.add(n, b.base(t.Host))
		return
	}
	b.add(n)
}

// command is a user's task: argvs, one after the other, here or on a host.
type command struct {
	task environments.Task
	run  RunFunc
}

// Run runs every argv; the first that fails ends it.
func (c command) Run(ctx context.Context, with tasks.Surroundings) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.task.Timeout))
	defer cancel()
	env, err := assignments(c.task.Env, with.Scope)
	if err != nil {
		return err
	}
	for _, values := range c.task.Run {
		argv := make([]string, len(values))
		for i, v := range values {
			if argv[i], err = v.Render(with.Scope.Lookup); err != nil {
				return err
			}
		}
		if err := c.one(ctx, with, argv, env); err != nil {
			return c.because(ctx, argv[0], err)
		}
	}
	return nil
}

func (c command) one(ctx context.Context, with tasks.Surroundings, argv, env []string) error {
	if c.task.Host == "" {
		out := &lineWriter{line: with.Progress}
		defer out.flush()
		return c.run(ctx, argv, env, out)
	}
	op := hosts.Run{Argv: argv, Env: env, Timeout: time.Duration(c.task.Timeout)}
	results, err := with.Machine.Apply(ctx, []hosts.Operation{op}, with.Progress)
	if err != nil {
		return err
	}
	if code := results[0].ExitCode; code != 0 {
		return fmt.Errorf("exit status %d", code)
	}
	return nil
}

func (c command) because(ctx context.Context, program string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s: no end after %s", program, time.Duration(c.task.Timeout))
	}
	return fmt.Errorf("%s: %w", program, err)
}

func assignments(list []environments.NamedValue, s *tasks.Scope) ([]string, error) {
	var env []string
	for _, nv := range list {
		v, err := nv.Value.Render(s.Lookup)
		if err != nil {
			return nil, err
		}
		env = append(env, nv.Name+"="+v)
	}
	return env, nil
}

// lineWriter hands on whole lines.
type lineWriter struct {
	line func(string)
	rest strings.Builder
}

func (w *lineWriter) Write(p []byte) (int, error) {
	for _, c := range p {
		if c == '\n' {
			w.flush()
			continue
		}
		w.rest.WriteByte(c)
	}
	return len(p), nil
}

func (w *lineWriter) flush() {
	if w.rest.Len() > 0 {
		w.line(w.rest.String())
		w.rest.Reset()
	}
}
