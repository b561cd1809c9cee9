package builtins

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func shell() Builtin {
	return Builtin{
		Name: "shell", positional: 1,
		Doc:     "A command of a task that sh reads, with -eu. What varies reaches it as variables: the task's env, and its args under their own names.",
		Example: `task(name = "pack", run = shell('tar -c pages | gzip > "$to"'), args = {"to": option(str, "pages.tgz")})`,
		Parameters: []Parameter{
			{Name: "script", to: script(), Example: `"sort names | uniq > sorted"`, Doc: "Its text, known while the file is evaluated. Nothing is ever put into it."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("shell", shellCommand(get[string](c, "script")))
		},
	}
}

// A shellCommand is the text of a command that a shell reads.
type shellCommand string

// argv returns the command that has a shell read s.
func (s shellCommand) argv() []environments.Value {
	return []environments.Value{environments.Text("/bin/sh"), environments.Text("-euc"), environments.Text(string(s))}
}

// script takes the text of a shell command: no value that is only known later
// may be spliced into it, since the shell would read it as its own words.
func script() converter {
	known := filled()
	return converter{"string", func(v starlark.Value) (any, error) {
		if d, ok := v.(*Deferred); ok {
			return nil, misfitf("%s may not be in the text of a shell command", d.describe()).
				withHint(`a shell would read it as its own words; give it by env = {"NAME": …} and write "$NAME"%s`, d.byName())
		}
		return known.convert(v)
	}}
}

// byName says how an argument is written in the text of a shell command.
func (d *Deferred) byName() string {
	for leaf := range d.value.Leaves() {
		if leaf.Kind == environments.Argument {
			return fmt.Sprintf("; the argument is there already as \"$%s\"", leaf.Name)
		}
	}
	return ""
}
