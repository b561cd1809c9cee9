package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func publish() Builtin {
	return Builtin{
		Name: "publish", positional: 3,
		Doc:     "A port of a container that the machine publishes under the same number.",
		Example: `publish(1212, address = "127.0.0.1")`,
		Parameters: []Parameter{
			{Name: "port", to: port(), Example: "1212", Doc: "Port of the container and of the machine."},
			{Name: "proto", to: choice("tcp", "udp"), preset: starlark.String("tcp"), Example: `"udp"`, Doc: "Protocol."},
			{Name: "address", to: orEmpty(address()), preset: starlark.String(""), Example: `"127.0.0.1"`, Doc: "Address of the machine; empty is every address, v4 and v6."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("publish", environments.Publish{Port: get[int](c, "port"), Proto: get[string](c, "proto"), Address: get[string](c, "address")})
		},
	}
}
