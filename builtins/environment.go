package builtins

import "go.starlark.net/starlark"

func environment() Builtin {
	return Builtin{
		Name:    "environment",
		Doc:     "Says what the environment as a whole is. At most once in a file.",
		Example: `environment(id = "prod-k3v9q2", doc = "The public tracker.")`,
		Parameters: []Parameter{
			{Name: "id", to: orEmpty(name()), preset: starlark.String(""), Example: `"prod-k3v9q2"`,
				Doc: "Owner of the machines: a machine belongs to one id. Required unless every machine is local; `create` writes a random one."},
			{Name: "doc", to: text(), preset: starlark.String(""), Example: `"The public tracker."`,
				Doc: "What the environment is for, shown by list."},
		},
		kind: "environment",
		make: func(c *call) starlark.Value {
			if first, again := c.declared["environment:"]; again {
				c.problem("", "an environment is declared once", "it was declared first at "+first.String())
				return nil
			}
			c.claim("environment:")
			c.Environment.ID = get[string](c, "id")
			c.Environment.Doc = get[string](c, "doc")
			return starlark.None
		},
	}
}
