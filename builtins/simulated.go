package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func simulated() Builtin {
	return Builtin{
		Name: "simulated", positional: 2,
		Doc:     "A machine on disk that behaves like one, for tests.",
		Example: `simulated("machines/web", latency = "100ms")`,
		Parameters: []Parameter{
			{Name: "dir", to: relative(), Example: `"machines/web"`, Doc: "Directory of the project that is the machine; made where it is missing."},
			{Name: "latency", to: duration(0), preset: starlark.String("0s"), Unit: "ms, s", Example: `"100ms"`, Doc: "How long a round trip takes."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("simulated", environments.Provider{Simulated: &environments.Simulated{Directory: get[string](c, "dir"), Latency: get[int64](c, "latency")}})
		},
	}
}
