package builtins

import (
	"go.starlark.net/starlark"
)

func glob() Builtin {
	return Builtin{
		Name: "glob", positional: 2,
		Doc:     "The files of the project that match, as a sorted list of paths relative to its root. ** matches any number of directories.",
		Example: `glob(["pages/**/*.md"], exclude = ["pages/drafts/**"])`,
		Parameters: []Parameter{
			{Name: "include", to: listOf[string](relative()), Example: `["pages/**/*.md"]`, Doc: "Patterns; a file that one of them matches is in."},
			{Name: "exclude", to: listOf[string](relative()), preset: starlark.NewList(nil), Example: `["pages/drafts/**"]`, Doc: "Patterns; a file that one of them matches is out."},
		},
		make: func(c *call) starlark.Value {
			paths, err := c.Files.Match(get[[]string](c, "include"), get[[]string](c, "exclude"))
			if err != nil {
				c.problem("include", err.Error(), "")
				return nil
			}
			list := make([]starlark.Value, len(paths))
			for i, p := range paths {
				list[i] = starlark.String(p)
			}
			return starlark.NewList(list)
		},
	}
}
