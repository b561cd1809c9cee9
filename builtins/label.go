package builtins

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

// labels are the kinds of nodes, and the built-ins that declare them.
var labels = []struct{ kind, builtin string }{
	{"vm", "vm"}, {"service", "compose_service"}, {"file", "config_file"}, {"firewall", "firewall"},
	{"probe", "probe"}, {"task", "task"}, {"group", "group"},
}

func label() Builtin {
	return Builtin{
		Name: "label", positional: 2,
		Doc:     "Stands for something that is declared elsewhere, also further down or by a library. Whether it is declared is seen at the end.",
		Example: `task(name = "late", run = ["true"], after = [label("task", "seed")])`,
		Parameters: []Parameter{
			{Name: "kind", to: nodeKind(), Example: `"service"`, Doc: "What plan writes before the colon: vm, service, file, firewall, probe, task or group."},
			{Name: "name", to: name(), Example: `"seed"`, Doc: "Its name."},
		},
		make: func(c *call) starlark.Value {
			kind, name := get[string](c, "kind"), get[string](c, "name")
			c.forward = append(c.forward, forward{node: kind + ":" + name, at: c.pos, calls: c.calls})
			if kind == "vm" {
				return c.machine(name, "")
			}
			return &Handle{kind: builtinOf(kind), name: name, node: kind + ":" + name, attributes: []attribute{{"name", starlark.String(name)}}}
		},
	}
}

// nodeKind takes the kind of a node, and explains the name of a built-in that
// was meant to be one.
func nodeKind() converter {
	var kinds []string
	for _, l := range labels {
		kinds = append(kinds, l.kind)
	}
	byName := choice(kinds...)
	return converter{"kind", func(v starlark.Value) (any, error) {
		for _, l := range labels {
			if v == starlark.String(l.builtin) && l.builtin != l.kind {
				return nil, misfitf("got %s, which is the name of a built-in", quote(l.builtin)).withHint("what it declares is a %q", l.kind)
			}
		}
		return byName.convert(v)
	}}
}

// builtinOf returns what declares nodes of a kind.
func builtinOf(kind string) string {
	for _, l := range labels {
		if l.kind == kind {
			return l.builtin
		}
	}
	return kind
}

// A forward is a node that was named before it is known to be declared.
type forward struct {
	node  string
	at    environments.Position
	calls []environments.Position
}

// Dangling returns what is wrong with labels and renames once everything has
// been declared, and the nodes that are therefore missing without anybody
// having to say so again.
func (e *Evaluation) Dangling() (problems []environments.Problem, missing []string) {
	old := map[string]bool{}
	for _, r := range e.Environment.Renames {
		old[r.Old] = true
	}
	for _, f := range e.forward {
		if _, ok := e.declared[f.node]; ok || old[f.node] {
			continue
		}
		missing = append(missing, f.node)
		kind, name, _ := strings.Cut(f.node, ":")
		problems = append(problems, environments.Problem{Position: f.at, Calls: f.calls,
			Message: fmt.Sprintf("label: nothing declares %s %q%s", builtinOf(kind), name, meant(name, e.namesOf(kind)))})
	}
	return append(problems, e.renames()...), missing
}

// namesOf returns what is declared of a kind, in the order of the file.
func (e *Evaluation) namesOf(kind string) []string {
	var names []string
	for _, node := range e.order {
		if name, ok := strings.CutPrefix(node, kind+":"); ok {
			names = append(names, name)
		}
	}
	return names
}
