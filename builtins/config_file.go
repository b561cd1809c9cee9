package builtins

import (
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func configFile() Builtin {
	return Builtin{
		Name:    "config_file",
		Doc:     "A file on a machine. Its handle has .path and stands for the file in compose_service(files = …).",
		Example: `config_file(name = "motd", host = web, path = "/etc/motd", content = "managed\n")`,
		kind:    "file",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"motd"`, Doc: "Unique among the files."},
			{Name: "host", to: host(), Example: "web", Doc: "The machine it is on."},
			{Name: "path", to: absolute(), Example: `"/etc/motd"`, Doc: "Where it is on the machine."},
			{Name: "content", to: optional(value()), preset: starlark.None, Example: `"managed\n"`, Doc: "Its text; either this or source."},
			{Name: "source", to: optional(input()), preset: starlark.None, Example: `"files/motd"`, Doc: "A file of the project, or a task whose one output is meant."},
			{Name: "mode", to: fileMode(), preset: starlark.String("0644"), Example: `"0600"`, Doc: "Four octal digits."},
			{Name: "owner", to: account(), preset: starlark.String("root"), Example: `"torrust"`, Doc: "User name or number."},
			{Name: "group", to: account(), preset: starlark.String("root"), Example: `"adm"`, Doc: "Group name or number."},
		},
		make: makeFile,
	}
}

func account() converter {
	return matching("account", `[a-z_][a-z0-9_-]{0,31}|[0-9]{1,9}`, "a user or group")
}

// file takes the path of a file of the project. Its name may have any
// characters, also those that are none in UTF-8: glob() finds what is there.
func file() converter {
	plain := relative()
	return converter{"path", func(v starlark.Value) (any, error) {
		s, ok := v.(starlark.String)
		if !ok || strings.IndexByte(string(s), 0) >= 0 {
			return plain.convert(v)
		}
		odd := func(r rune) rune {
			if r == '\n' || r == '\r' || r == utf8.RuneError {
				return '_'
			}
			return r
		}
		if _, err := plain.convert(starlark.String(strings.Map(odd, string(s)))); err != nil {
			return plain.convert(v)
		}
		return string(s), nil
	}}
}

// input takes a path in the project or a task, whose outputs are meant.
func input() converter {
	path := file()
	return converter{"path or task", func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok && h.kind == "task" {
			return environments.Input{Task: h.name}, nil
		}
		if _, ok := v.(starlark.String); !ok {
			return nil, want(v, "a path or a task")
		}
		p, err := path.convert(v)
		if err != nil {
			return nil, err
		}
		return environments.Input{Path: p.(string)}, nil
	}}
}

func makeFile(c *call) starlark.Value {
	f := environments.File{
		Declared: c.declare(), Host: get[string](c, "host"), Path: get[string](c, "path"),
		Mode: get[string](c, "mode"), Owner: get[string](c, "owner"), Group: get[string](c, "group"),
	}
	content, hasContent := c.values[c.builtin.index("content")].(environments.Value)
	source, hasSource := c.values[c.builtin.index("source")].(environments.Input)
	switch {
	case hasContent && hasSource:
		c.problem("source", "content and source are both given", "keep one of them")
		return nil
	case hasContent:
		f.Content = &content
	case hasSource:
		f.Source = &source
	default:
		c.problem("", "neither content nor source is given", "")
		return nil
	}
	c.Environment.Files = append(c.Environment.Files, f)
	return &Handle{kind: "config_file", name: f.Name, node: "file:" + f.Name, host: f.Host, attributes: []attribute{
		{"name", starlark.String(f.Name)}, {"path", starlark.String(f.Path)},
	}}
}
