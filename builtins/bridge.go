package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func bridge() Builtin {
	return Builtin{
		Name: "bridge", positional: 3,
		Doc:     "A network bridge of the operator's computer that a qemu machine is attached to, with fixed addresses.",
		Example: `bridge("br0", ipv4 = "10.77.0.2/24", ipv6 = "fd77::2/64")`,
		Parameters: []Parameter{
			{Name: "name", to: matching("interface", `[A-Za-z0-9][A-Za-z0-9_.-]{0,14}`, "the name of a network interface"), Example: `"br0"`, Doc: "Name of the bridge; it must be there."},
			{Name: "ipv4", to: orEmpty(prefix(false, "v4")), preset: starlark.String(""), Example: `"10.77.0.2/24"`, Doc: "The machine's address with its prefix length."},
			{Name: "ipv6", to: orEmpty(prefix(false, "v6")), preset: starlark.String(""), Example: `"fd77::2/64"`, Doc: "The machine's address with its prefix length."},
		},
		make: func(c *call) starlark.Value {
			b := environments.Bridge{Name: get[string](c, "name"), IPv4: get[string](c, "ipv4"), IPv6: get[string](c, "ipv6")}
			if b.IPv4 == "" && b.IPv6 == "" {
				c.problem("", "neither ipv4 nor ipv6 is given", "the machine needs an address that is not taken")
			}
			return valueHandle("bridge", b)
		},
	}
}
