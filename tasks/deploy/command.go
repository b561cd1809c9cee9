package deploy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A command is a user's task: argvs, one after the other, here or on a host.
//
// One that runs here and names inputs or outputs is skipped as long as its
// record holds. One that names neither runs whenever it is asked for, since
// nothing says what it is good for; and so does one on a host, since what it
// does there is not looked at; and so does one that has such a task among its
// inputs.
type command struct {
	task      *environments.Task
	run       RunFunc
	timeout   time.Duration
	outputsOf func(task string) []string // on the operator's computer
}

// Run runs every argv; the first that fails ends it. The timeout is for all of
// them together.
func (c *command) Run(ctx context.Context, with tasks.Surroundings) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	lookup := c.lookup(with.Scope)
	var env []string
	for _, e := range c.task.Env {
		v, err := e.Value.Render(lookup)
		if err != nil {
			return err
		}
		env = append(env, e.Name+"="+v)
	}
	var input []byte
	if c.task.Stdin != nil {
		text, err := c.task.Stdin.Render(lookup)
		if err != nil {
			return err
		}
		input = []byte(text)
	}
	for _, values := range c.task.Run {
		argv, err := render(values, lookup)
		if err != nil {
			return err
		}
		if err := c.one(ctx, with, argv, env, input); err != nil {
			return c.because(ctx, argv[0], err)
		}
	}
	return nil
}

func (c *command) one(ctx context.Context, with tasks.Surroundings, argv, env []string, input []byte) error {
	if c.task.Host == "" {
		out := &lineWriter{line: with.Progress}
		defer out.flush()
		return c.run(ctx, argv, env, input, out)
	}
	op := hosts.Run{Argv: argv, Env: env, Input: input, Timeout: c.timeout}
	results, err := with.Machine.Apply(ctx, []hosts.Operation{op}, with.Progress)
	if err != nil {
		return err
	}
	if code := results[0].ExitCode; code != 0 {
		return fmt.Errorf("exit status %d", code)
	}
	return nil
}

func (c *command) because(ctx context.Context, program string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s: no end after %s", program, c.timeout)
	}
	return fmt.Errorf("%s: %w", program, err)
}

// lookup answers like the scope, and for an argument what the task itself has
// for it.
func (c *command) lookup(s *tasks.Scope) environments.Lookup {
	return func(leaf environments.Value) (string, error) {
		if leaf.Kind == environments.Argument {
			return c.argument(leaf.Name)
		}
		return s.Lookup(leaf)
	}
}

func (c *command) argument(name string) (string, error) {
	for _, o := range c.task.Args {
		if v := cmp.Or(o.Value, o.Default); o.Name == name && v != nil {
			return *v, nil
		}
	}
	return "", fmt.Errorf("argument %q has no value", name)
}

func render(values []environments.Value, lookup environments.Lookup) ([]string, error) {
	words := make([]string, len(values))
	for i, v := range values {
		var err error
		if words[i], err = v.Render(lookup); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// Tools returns the programs that the task names, and those that it starts.
func (c *command) Tools() []string {
	if c.task.Host != "" {
		return nil
	}
	list := make([]string, 0, len(c.task.Tools)+len(c.task.Run))
	list = append(list, c.task.Tools...)
	for _, argv := range c.task.Run {
		if name, known := argv[0].Static(); known && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Recipe returns everything that goes into the task.
func (c *command) Recipe(s *tasks.Scope) (*cache.Recipe, error) {
	t := c.task
	if !t.Cache || t.Host != "" || len(t.Inputs)+len(t.Outputs) == 0 {
		return nil, nil
	}
	inputs, ok := c.inputs()
	if !ok {
		return nil, nil
	}
	words := 0
	for _, argv := range t.Run {
		words += len(argv)
	}
	r := &cache.Recipe{
		Facts:  make([]cache.Fact, 0, words+len(t.Env)+len(t.Args)+2),
		Inputs: inputs, Outputs: t.Outputs, Tools: c.Tools(),
	}
	lookup := c.lookup(s)
	for i, argv := range t.Run {
		words, err := render(argv, lookup)
		if err != nil {
			return nil, err
		}
		for j, w := range words {
			r.Facts = append(r.Facts, cache.Fact{Name: wordName(len(t.Run), i, j), Value: w})
		}
		// One whose name is computed is a tool that is known only now.
		if !slices.Contains(r.Tools, words[0]) {
			r.Tools = append(r.Tools, words[0])
		}
	}
	for _, e := range t.Env {
		f, err := fact("variable "+e.Name, e.Value, s, lookup)
		if err != nil {
			return nil, err
		}
		r.Facts = append(r.Facts, f)
	}
	if t.Stdin != nil {
		f, err := fact("standard input", *t.Stdin, s, lookup)
		if err != nil {
			return nil, err
		}
		r.Facts = append(r.Facts, f)
	}
	for _, o := range t.Args {
		v, err := c.argument(o.Name)
		if err != nil {
			return nil, err
		}
		r.Facts = append(r.Facts, cache.Fact{Name: "argument " + o.Name, Value: v})
	}
	r.Facts = append(r.Facts, cache.Fact{Name: "timeout", Value: c.timeout.String()})
	return r, nil
}

// inputs returns the paths of the inputs, those of a task's outputs for a task;
// false where one of these has none.
func (c *command) inputs() ([]string, bool) {
	list := make([]string, 0, len(c.task.Inputs))
	for _, in := range c.task.Inputs {
		if in.Task == "" {
			list = append(list, in.Path)
			continue
		}
		outputs := c.outputsOf(in.Task)
		if len(outputs) == 0 {
			return nil, false
		}
		list = append(list, outputs...)
	}
	return list, true
}

// wordName names word j of command i: "word 2", or "word 2 of command 3".
func wordName(commands, i, j int) string {
	if commands == 1 {
		return "word " + strconv.Itoa(j+1)
	}
	return "word " + strconv.Itoa(j+1) + " of command " + strconv.Itoa(i+1)
}

// fact returns what a task is given under a name as a fact: a value that holds
// a secret as a keyed digest.
func fact(name string, v environments.Value, s *tasks.Scope, lookup environments.Lookup) (cache.Fact, error) {
	f := cache.Fact{Name: name, Secret: v.Secret()}
	var err error
	if f.Value, err = v.Render(lookup); err != nil || !f.Secret {
		return f, err
	}
	// The name is part of it, so that equal secrets do not show as equal.
	f.Value, err = s.MAC([]byte(name + "\x00" + f.Value))
	return f, err
}

// longest is how much of a line is handed on at once.
const longest = 1 << 20

// lineWriter hands on whole lines.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			w.rest = append(w.rest, p...)
			if len(w.rest) > longest {
				w.flush()
			}
			break
		}
		w.line(string(append(w.rest, p[:end]...)))
		w.rest, p = w.rest[:0], p[end+1:]
	}
	return n, nil
}

// flush hands on a last line that has no end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.line(string(w.rest))
		w.rest = w.rest[:0]
	}
}
