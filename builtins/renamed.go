package builtins

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func renamed() Builtin {
	return Builtin{
		Name: "renamed", positional: 2,
		Doc:     "Says that something has another name now: what is on the machine is moved rather than removed and made again. It may stay in the file for good.",
		Example: `renamed(old = "task:render", new = other)`,
		kind:    "renamed",
		Parameters: []Parameter{
			{Name: "old", to: renameable(), Example: `"task:render"`, Doc: `What plan called it, "kind:name", or label(kind, name).`},
			{Name: "new", to: renameable(), Example: `other`, Doc: `What it is now: its handle, label(kind, name) or "kind:name".`},
		},
		make: makeRenamed,
	}
}

// renameable takes the node of something that may have another name.
func renameable() converter {
	kind, byName := nodeKind(), name()
	return converter{`"kind:name" or resource`, func(v starlark.Value) (any, error) {
		node, ok := "", false
		switch v := v.(type) {
		case *Handle:
			node, ok = v.node, v.node != ""
		case starlark.String:
			node, ok = string(v), true
		}
		if !ok {
			return nil, want(v, `"kind:name" or a resource`)
		}
		k, n, ok := strings.Cut(node, ":")
		if !ok {
			return nil, misfitf("%s is not kind:name", quote(node)).withHint(`such as "service:tracker", as plan writes it`)
		}
		if _, err := kind.convert(starlark.String(k)); err != nil {
			return nil, err
		}
		if _, err := byName.convert(starlark.String(n)); err != nil {
			return nil, err
		}
		if k == "vm" {
			return nil, misfitf("a machine keeps its name for good").withHint("its disks and its key bear it; deploy a second machine and move what it holds")
		}
		return node, nil
	}}
}

func makeRenamed(c *call) starlark.Value {
	r := environments.Rename{Old: get[string](c, "old"), New: get[string](c, "new"), Position: c.pos, Calls: c.calls}
	oldKind, _, _ := strings.Cut(r.Old, ":")
	newKind, _, _ := strings.Cut(r.New, ":")
	switch {
	case r.Old == r.New:
		c.problem("new", fmt.Sprintf("old and new are both %q", r.Old), "")
		return nil
	case oldKind != newKind:
		c.problem("new", fmt.Sprintf("%q cannot become %q, which is of another kind", r.Old, r.New), "")
		return nil
	}
	for _, other := range c.Environment.Renames {
		if other.Old == r.Old {
			c.problem("old", fmt.Sprintf("%q is renamed twice", r.Old), fmt.Sprintf("it is renamed to %q at %s", other.New, other.Position))
			return nil
		}
	}
	c.Environment.Renames = append(c.Environment.Renames, r)
	return starlark.None
}

// renames complains about renames to what nothing declares and from what is
// still there.
func (e *Evaluation) renames() []environments.Problem {
	var problems []environments.Problem
	add := func(r environments.Rename, message, hint string) {
		problems = append(problems, environments.Problem{Position: r.Position, Calls: r.Calls, Message: message, Hint: hint})
	}
	for _, r := range e.Environment.Renames {
		kind, name, _ := strings.Cut(r.New, ":")
		if at, ok := e.declared[r.Old]; ok {
			add(r, fmt.Sprintf("renamed: %q is still declared", r.Old), fmt.Sprintf("it is declared at %s", at))
		}
		if _, ok := e.declared[r.New]; !ok && !e.labelled(r.New) {
			add(r, fmt.Sprintf("renamed: nothing declares %q%s", r.New, meant(name, e.namesOf(kind))), "")
		}
	}
	return problems
}

// labelled reports whether a label names node, and complains about it itself.
func (e *Evaluation) labelled(node string) bool {
	for _, f := range e.forward {
		if f.node == node {
			return true
		}
	}
	return false
}
