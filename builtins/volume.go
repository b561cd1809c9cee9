package builtins

import (
	"path"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func volume() Builtin {
	return Builtin{
		Name: "volume", positional: 1,
		Doc:     "A directory that outlives containers, with an owner and a mode, for compose_service(data = …).",
		Example: `volume("database", owner = "999:999", mode = "0700")`,
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"database"`, Doc: "Its name on the machine; services that name the same share it."},
			{Name: "owner", to: orEmpty(numericOwner()), preset: starlark.String(""), Example: `"999:999"`, Doc: "Numeric user or user:group, set once; empty is root."},
			{Name: "mode", to: orEmpty(fileMode()), preset: starlark.String(""), Example: `"0700"`, Doc: "Four octal digits, set once; empty is 0755."},
			{Name: "disk", to: choice("data", "system"), preset: starlark.String("data"), Example: `"system"`, Doc: "Where it lies in a machine that has a disk for data: there, or on that of the system, which is for what has to be known when the other is away."},
			{Name: "refuse", to: dictOf[string](below(), filled()), preset: starlark.NewDict(0), Example: `{"old.db": "the service would not read it; move its content over first"}`, Doc: "Files that must not be in it: a path below it to the reason. A run that finds one on the machine ends before anything is touched."},
		},
		make: func(c *call) starlark.Value {
			m := environments.DataMount{Name: get[string](c, "name"), Owner: get[string](c, "owner"), Mode: get[string](c, "mode")}
			if disk := get[string](c, "disk"); disk != "data" {
				m.Disk = disk
			}
			for _, r := range get[[]keyed[string]](c, "refuse") {
				m.Refuse = append(m.Refuse, environments.Refusal{File: r.key, Reason: r.value})
			}
			return valueHandle("volume", m)
		},
	}
}

// below takes a clean path relative to a directory.
func below() converter {
	return checked(filled(), "path", func(s string) error {
		if path.IsAbs(s) || path.Clean(s) != s || s == "." || s == ".." || strings.HasPrefix(s, "../") {
			return misfitf("%s is not a plain path below the directory", quote(s))
		}
		return control(s)
	})
}

// storable takes the name of a directory or volume(…).
func storable() converter {
	byName := name()
	return converter{"name or volume(…)", func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok {
			if d, ok := h.payload.(environments.DataMount); ok {
				return d, nil
			}
		}
		if _, ok := v.(starlark.String); !ok {
			return nil, want(v, "a name or volume(…)")
		}
		s, err := byName.convert(v)
		if err != nil {
			return nil, err
		}
		return environments.DataMount{Name: s.(string)}, nil
	}}
}
