package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func mount() Builtin {
	return Builtin{
		Name: "mount", positional: 1,
		Doc:     "A file of a container with an owner and a mode, for compose_service(files = …).",
		Example: `mount(toml.encode({"debug": False}), owner = "1000:1000", mode = "0600")`,
		Parameters: []Parameter{
			{Name: "content", to: mountable(), Example: `toml.encode({"debug": False})`, Doc: "Text or a config_file of the same machine."},
			{Name: "owner", to: orEmpty(numericOwner()), preset: starlark.String(""), Example: `"1000:1000"`, Doc: "Numeric user or user:group; empty is root."},
			{Name: "mode", to: orEmpty(fileMode()), preset: starlark.String(""), Example: `"0600"`, Doc: "Four octal digits; empty is 0644, or 0600 with a secret in it."},
		},
		make: func(c *call) starlark.Value {
			m := get[environments.Mount](c, "content")
			m.Owner, m.Mode = get[string](c, "owner"), get[string](c, "mode")
			if m.File != "" && m.Owner+m.Mode != "" {
				c.problem("", "a config_file has its own owner and mode", "give them to config_file(…)")
			}
			return valueHandle("mount", m)
		},
	}
}

func numericOwner() converter {
	return matching("owner", `[0-9]{1,9}(:[0-9]{1,9})?`, "a numeric user or user:group")
}

// mountable takes text, a config_file or mount(…).
func mountable() converter {
	return converter{"text, config_file or mount(…)", func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok {
			if h.kind == "config_file" {
				return environments.Mount{File: h.name}, nil
			}
			if m, ok := h.payload.(environments.Mount); ok {
				return m, nil
			}
		}
		x, err := toValue(v, "text, config_file or mount(…)")
		if err != nil {
			return nil, err
		}
		content := x.(environments.Value)
		return environments.Mount{Content: &content}, nil
	}}
}
