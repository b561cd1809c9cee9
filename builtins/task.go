package builtins

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func task() Builtin {
	empty := starlark.NewList(nil)
	return Builtin{
		Name:    "task",
		Doc:     "Something of yours that runs when it is asked for by name. Its handle stands for its outputs in inputs and config_file(source = …).",
		Example: `task(name = "pages", run = ["./render.sh"], inputs = glob(["pages/*.md"]), outputs = ["build/pages"])`,
		kind:    "task",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"pages"`, Doc: "Unique among the tasks; also the target on the command line."},
			{Name: "run", to: commands(), Example: `["./render.sh", "--all"]`, Doc: "One command as a list of words, or a list of such commands. No shell reads them, unless one is shell(…)."},
			{Name: "doc", to: text(), preset: starlark.String(""), Example: `"Render the pages."`, Doc: "Shown by list."},
			{Name: "args", to: options(), preset: starlark.NewDict(0), Example: `{"theme": option(str, "dark")}`, Doc: "What KEY=VALUE on the command line may give it; arg(name) is the value, in run and env."},
			{Name: "inputs", to: listOf[environments.Input](input()), preset: empty, Example: `glob(["pages/*.md"]) + [other]`, Doc: "Files of the project and tasks, whose outputs are meant."},
			{Name: "outputs", to: listOf[string](relative()), preset: empty, Example: `["build/pages"]`, Doc: "Files or directories that it makes."},
			{Name: "env", to: dictOf[environments.Value](variable(), scalar()), preset: starlark.NewDict(0), Example: `{"MODE": "release"}`, Doc: "Environment variables beside PATH and HOME."},
			{Name: "stdin", to: optional(value()), preset: starlark.None, Example: `"yes\n"`, Doc: "What every command reads from standard input, may be secret; None is nothing."},
			{Name: "tools", to: listOf[string](filled()), preset: empty, Example: `["python3"]`, Doc: "Programs it needs, by name; they are looked for first."},
			{Name: "after", to: listOf[string](nodeID()), preset: empty, Example: `[seed]`, Doc: "Resources and tasks that come before it."},
			{Name: "host", to: optional(host()), preset: starlark.None, Example: "web", Doc: "The machine it runs on; None is the operator's computer."},
			{Name: "cache", to: boolean(), preset: starlark.True, Example: "False", Doc: "Whether it may be skipped when nothing that goes in has changed."},
			{Name: "timeout", to: duration(shortest), preset: starlark.String("10m"), Unit: "s, m, h", Example: `"1h"`, Doc: "When it is stopped and has failed."},
		},
		make: makeTask,
	}
}

// Reserved returns the commands of the program, which no task may be called
// like.
func Reserved() []string { return slices.Clone(reserved) }

var reserved = strings.Fields(`create validate plan status render deploy provision configure release run test
	destroy list show logs ssh exec start stop restart open backup restore rollback purge prune explain graph
	watch fmt lint check stubs import doctor cost secrets cache help completion version`)

func makeTask(c *call) starlark.Value {
	what := get[run](c, "run")
	t := environments.Task{
		Declared: c.declare(), Doc: get[string](c, "doc"), Run: what.argvs, Args: get[[]environments.Option](c, "args"),
		Inputs: get[[]environments.Input](c, "inputs"), Outputs: get[[]string](c, "outputs"),
		Env: named(get[[]keyed[environments.Value]](c, "env")), Tools: get[[]string](c, "tools"),
		After: get[[]string](c, "after"), Host: get[string](c, "host"),
		Cache: get[bool](c, "cache"), Timeout: get[int64](c, "timeout"),
	}
	if stdin := get[environments.Value](c, "stdin"); stdin.Kind != "" {
		t.Stdin = &stdin
	}
	if !c.claimTarget(t.Name, "task", "group") {
		return nil
	}
	if what.shell {
		c.variables(&t)
	}
	if c.takesArguments(t); c.bad {
		return nil
	}
	c.Environment.Tasks = appended(c.Environment.Tasks, t)
	return &Handle{kind: "task", name: t.Name, node: "task:" + t.Name, host: t.Host, attributes: []attribute{{"name", starlark.String(t.Name)}}}
}

// variables makes the task's arguments variables of its commands, of which
// one is read by a shell.
func (c *call) variables(t *environments.Task) {
	for i, o := range t.Args {
		if o.Name == "PATH" || o.Name == "HOME" {
			c.record("args", []step{{index: i, key: true}}, fmt.Sprintf("args: a shell would take %q for its own", o.Name), "choose another name")
			continue
		}
		if slices.ContainsFunc(t.Env, func(e environments.NamedValue) bool { return e.Name == o.Name }) {
			c.problem("env", fmt.Sprintf("env: %q is an argument, which the shell gets as a variable of that name", o.Name), "leave it out, or choose another name")
			continue
		}
		t.Env = append(t.Env, environments.NamedValue{Name: o.Name, Value: environments.Value{Kind: environments.Argument, Name: o.Name, Position: c.pos}})
	}
}

// A run is what a task does.
type run struct {
	argvs [][]environments.Value
	shell bool // whether a shell reads one of them
}

// commands takes one command or a list of them.
func commands() converter {
	words := argv(public("the arguments of a process are no secret"))
	one := converter{words.name, func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok {
			if s, ok := h.payload.(shellCommand); ok {
				return run{[][]environments.Value{s.argv()}, true}, nil
			}
		}
		x, err := words.convert(v)
		if err != nil {
			return nil, err
		}
		return run{argvs: [][]environments.Value{x.([]environments.Value)}}, nil
	}}
	many := listOf[run](one)
	return converter{"list of words, shell(…), or list of such commands", func(v starlark.Value) (any, error) {
		if l, ok := v.(starlark.Indexable); !ok || l.Len() == 0 || !isCommand(l.Index(0)) {
			return one.convert(v)
		}
		x, err := many.convert(v)
		if err != nil {
			return nil, err
		}
		var all run
		for _, r := range x.([]run) {
			all.argvs, all.shell = append(all.argvs, r.argvs...), all.shell || r.shell
		}
		return all, nil
	}}
}

// isCommand reports whether v is a command rather than a word of one.
func isCommand(v starlark.Value) bool {
	switch v := v.(type) {
	case *starlark.List, starlark.Tuple:
		return true
	case *Handle:
		_, ok := v.payload.(shellCommand)
		return ok
	}
	return false
}

// nodeID takes any resource and returns its node.
func nodeID() converter {
	byName := name()
	return converter{"resource or task name", func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok && h.node != "" {
			return h.node, nil
		}
		if _, ok := v.(starlark.String); !ok {
			return nil, want(v, "a resource or the name of a task")
		}
		s, err := byName.convert(v)
		if err != nil {
			return nil, err
		}
		return "task:" + s.(string), nil
	}}
}
