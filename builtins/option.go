package builtins

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func option() Builtin {
	return Builtin{
		Name: "option", positional: 2,
		Doc:     "An argument of a task: what KEY=VALUE on the command line may give it.",
		Example: `option(str, default = "dark", choices = ["dark", "light"], doc = "Colour theme.")`,
		Parameters: []Parameter{
			{Name: "type", to: typeNames(), Example: `"int"`, Doc: `"string", "int", "bool" or "list" (of strings, separated by commas on the command line); str, int, bool and list mean the same.`},
			{Name: "default", to: optional(plain()), preset: starlark.None, Example: `"dark"`, Doc: "Value when the command line has none; None makes it required."},
			{Name: "choices", to: optional(listOf[starlark.Value](plain())), preset: starlark.None, Example: `["dark", "light"]`, Doc: "The values it may have; None is any."},
			{Name: "doc", to: text(), preset: starlark.String(""), Example: `"Colour theme."`, Doc: "Shown by list and help."},
		},
		make: makeOption,
	}
}

func makeOption(c *call) starlark.Value {
	o := environments.Option{Type: get[string](c, "type"), Doc: get[string](c, "doc")}
	var ok bool
	if o.Choices, ok = c.choices(o.Type); !ok {
		return nil
	}
	if c.isGiven("choices") && o.Choices == nil && c.given[c.builtin.index("choices")] != starlark.None {
		c.problem("choices", "choices is empty", "leave it out where any value will do")
		return nil
	}
	if standard := get[starlark.Value](c, "default"); standard != nil {
		x, err := fits(o.Type, standard)
		if err != nil {
			c.problem("default", "default: "+err.Error(), "")
			return nil
		}
		text := written(x)
		o.Default = &text
	}
	if o.Default != nil && o.Choices != nil && !contains(o.Choices, *o.Default) {
		c.problem("default", fmt.Sprintf("default: %s is none of its choices%s", quote(*o.Default), meant(*o.Default, o.Choices)), "one of "+strings.Join(o.Choices, ", "))
		return nil
	}
	return valueHandle("option", o)
}

// options takes the args of a task.
func options() converter {
	c := dictOf[environments.Option](argumentName(), payload[environments.Option]("option(…)"))
	return converter{"dict of option(…)", func(v starlark.Value) (any, error) {
		x, err := c.convert(v)
		if err != nil {
			return nil, err
		}
		var list []environments.Option
		for _, e := range x.([]keyed[environments.Option]) {
			e.value.Name = e.key
			list = append(list, e.value)
		}
		return list, nil
	}}
}
