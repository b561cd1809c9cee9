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
		later:   []string{"args"},
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"pages"`, Doc: "Unique among the tasks; also the target on the command line."},
			{Name: "run", to: commands(), Example: `["./render.sh", "--all"]`, Doc: "One command as a list of words, or a list of such commands. No shell reads them."},
			{Name: "doc", to: text(), preset: starlark.String(""), Example: `"Render the pages."`, Doc: "Shown by list."},
			{Name: "inputs", to: listOf[environments.Input](input()), preset: empty, Example: `glob(["pages/*.md"]) + [other]`, Doc: "Files of the project and tasks, whose outputs are meant."},
			{Name: "outputs", to: listOf[string](relative()), preset: empty, Example: `["build/pages"]`, Doc: "Files or directories that it makes."},
			{Name: "env", to: dictOf[environments.Value](variable(), scalar()), preset: starlark.NewDict(0), Example: `{"MODE": "release"}`, Doc: "Environment variables beside PATH and HOME."},
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
func Reserved() []string {
	return strings.Fields(`create validate plan status render deploy provision configure release run test
	destroy list show logs ssh exec start stop restart open backup restore rollback purge prune explain graph
	watch fmt lint check stubs import doctor cost secrets cache help completion version`)
}

func makeTask(c *call) starlark.Value {
	t := environments.Task{
		Declared: c.declare(), Doc: get[string](c, "doc"), Run: get[[][]environments.Value](c, "run"),
		Inputs: get[[]environments.Input](c, "inputs"), Outputs: get[[]string](c, "outputs"),
		Env: named(get[[]keyed[environments.Value]](c, "env")), Tools: get[[]string](c, "tools"),
		After: get[[]string](c, "after"), Host: get[string](c, "host"),
		Cache: get[bool](c, "cache"), Timeout: get[int64](c, "timeout"),
	}
	if slices.Contains(Reserved(), t.Name) {
		c.problem("name", fmt.Sprintf("%q is a command of the program", t.Name), "a task is run by its name; choose another one")
		return nil
	}
	c.Environment.Tasks = append(c.Environment.Tasks, t)
	return &Handle{kind: "task", name: t.Name, node: "task:" + t.Name, host: t.Host, attributes: []attribute{{"name", starlark.String(t.Name)}}}
}

// commands takes one command or a list of them.
func commands() converter {
	one := argv(public("the arguments of a process are no secret"))
	many := listOf[[]environments.Value](one)
	return converter{"list of words, or list of such lists", func(v starlark.Value) (any, error) {
		if l, ok := v.(starlark.Indexable); ok && l.Len() > 0 {
			switch l.Index(0).(type) {
			case *starlark.List, starlark.Tuple:
				return many.convert(v)
			}
		}
		x, err := one.convert(v)
		if err != nil {
			return nil, err
		}
		return [][]environments.Value{x.([]environments.Value)}, nil
	}}
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
