package builtins

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func group() Builtin {
	return Builtin{
		Name:    "group",
		Doc:     "A target that only names others: running it runs them. Its handle may stand in after and in another group.",
		Example: `group(name = "assets", of = [other, "seed"], doc = "Everything that is built.")`,
		kind:    "group",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"assets"`, Doc: "Unique among groups and tasks; also the target on the command line."},
			{Name: "of", to: members(), Example: `[other, "seed"]`, Doc: "Resources, tasks and groups, or names of tasks."},
			{Name: "doc", to: text(), preset: starlark.String(""), Example: `"Everything that is built."`, Doc: "Shown by list."},
		},
		make: makeGroup,
	}
}

// members takes at least one resource or task.
func members() converter {
	return checked(listOf[string](nodeID()), "list of resources or task names", func(list []string) error {
		if len(list) == 0 {
			return misfitf("names nothing").withHint("a group is of one thing at least")
		}
		return nil
	})
}

func makeGroup(c *call) starlark.Value {
	g := environments.Group{Declared: c.declare(), Of: get[[]string](c, "of"), Doc: get[string](c, "doc")}
	if !c.claimTarget(g.Name, "group", "task") {
		return nil
	}
	c.Environment.Groups = append(c.Environment.Groups, g)
	return &Handle{kind: "group", name: g.Name, node: "group:" + g.Name, attributes: []attribute{{"name", starlark.String(g.Name)}}}
}

// claimTarget takes a name on the command line for a task or a group, which
// is the other of the two kinds.
func (c *call) claimTarget(name, kind, other string) bool {
	if slices.Contains(reserved, name) {
		c.problem("name", fmt.Sprintf("%q is a command of the program", name), fmt.Sprintf("a %s is run by its name; choose another one", kind))
		return false
	}
	if first, taken := c.declared[other+":"+name]; taken {
		c.problem("name", fmt.Sprintf("a %s has this name already", other), fmt.Sprintf("it was declared first at %s", first))
		return false
	}
	return true
}
