package builtins

import (
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func warn() Builtin {
	return Builtin{
		Name: "warn", positional: 1,
		Doc:     "Shows a message with this place and goes on.",
		Example: `warn("the demo has no TLS")`,
		Parameters: []Parameter{
			{Name: "message", to: filled(), Example: `"the demo has no TLS"`, Doc: "What is odd, in a few words."},
			{Name: "hint", to: text(), preset: starlark.String(""), Example: `"add tls(…)"`, Doc: "What to do about it."},
		},
		make: func(c *call) starlark.Value {
			c.Environment.Warnings = append(c.Environment.Warnings, environments.Problem{
				Position: c.pos, Calls: c.calls, Message: get[string](c, "message"), Hint: get[string](c, "hint"),
			})
			return starlark.None
		},
	}
}

func fail() Builtin {
	return Builtin{
		Name:    "fail",
		Doc:     "Stops the evaluation with a message. A library of the program is shown where it was called.",
		Example: `fail("port 80 is taken", argument = "port")`,
		Parameters: []Parameter{
			{Name: "argument", to: text(), preset: starlark.String(""), Example: `"port"`, Doc: "Argument of the caller that is wrong; its place is shown."},
			{Name: "hint", to: text(), preset: starlark.String(""), Example: `"choose another one"`, Doc: "What to do about it."},
			{Name: "*message", to: listOf[starlark.Value](anything()), Example: `"port 80 is taken"`, Doc: "What is wrong; several values are joined with spaces."},
		},
		make: func(c *call) starlark.Value {
			var words []string
			for _, v := range get[[]starlark.Value](c, "*message") {
				if s, ok := starlark.AsString(v); ok {
					words = append(words, s)
				} else if d := deferredIn(v); d != nil {
					c.stop = d.misuse("fail()")
					return starlark.None
				} else {
					words = append(words, v.String())
				}
			}
			c.stop = &Failure{Message: strings.Join(words, " "), Argument: get[string](c, "argument"), hint: get[string](c, "hint")}
			return starlark.None
		},
	}
}

// anything takes every value.
func anything() converter {
	return converter{"value", func(v starlark.Value) (any, error) { return v, nil }}
}

// A Failure is what fail() ends the evaluation with.
type Failure struct {
	Message  string
	Argument string // argument of the caller that is wrong, "" = the call
	hint     string
}

func (f *Failure) Error() string { return f.Message }

// Hint returns what to do about it.
func (f *Failure) Hint() string { return f.hint }
