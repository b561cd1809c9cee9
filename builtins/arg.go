package builtins

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func arg() Builtin {
	return Builtin{
		Name: "arg", positional: 1,
		Doc:     "The value that KEY=VALUE on the command line gives an argument of the task in whose run or env this stands. It is deferred text.",
		Example: `task(name = "pages", run = ["./render.sh", arg("theme")], args = {"theme": option("string", "dark")})`,
		Parameters: []Parameter{
			{Name: "name", to: argumentName(), Example: `"theme"`, Doc: "A key of the task's args."},
		},
		make: func(c *call) starlark.Value {
			return &Deferred{environments.Value{Kind: environments.Argument, Name: get[string](c, "name"), Position: c.pos}, c.Evaluation}
		},
	}
}

// argumentName takes what KEY=VALUE and a shell's variable are called.
func argumentName() converter {
	return matching("argument name", `[A-Za-z_][A-Za-z0-9_]{0,63}`, "a name of letters, digits and _")
}

// takesArguments complains about every arg() in a task that its args do not
// declare, where it stands.
func (c *call) takesArguments(t environments.Task) {
	var names []string
	for _, o := range t.Args {
		names = append(names, o.Name)
	}
	used := func(v environments.Value) {
		if v.Kind == environments.Literal { // most words are
			return
		}
		for leaf := range v.Leaves() {
			if leaf.Kind != environments.Argument || contains(names, leaf.Name) {
				continue
			}
			hint := fmt.Sprintf("add it to the task's args: {%q: option(…)}", leaf.Name)
			if near := Suggest(leaf.Name, names); near != "" {
				hint = ""
			}
			c.bad = true
			c.problems = append(c.problems, environments.Problem{Position: leaf.Position, Calls: c.callsOf(leaf.Position), Hint: hint,
				Message: fmt.Sprintf("arg %q: task %q has no such argument%s", leaf.Name, t.Name, meant(leaf.Name, names))})
		}
	}
	for _, argv := range t.Run {
		for _, word := range argv {
			used(word)
		}
	}
	for _, e := range t.Env {
		used(e.Value)
	}
	if t.Stdin != nil {
		used(*t.Stdin)
	}
}

// callsOf returns where the task was declared, for something that stands
// elsewhere than in its call.
func (c *call) callsOf(at environments.Position) []environments.Position {
	if at.File == c.pos.File && at.Line >= c.pos.Line {
		return c.calls
	}
	return append([]environments.Position{c.pos}, c.calls...)
}
