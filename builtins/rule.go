package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func tcp() Builtin { return rule("tcp", "TCP", "7070") }

func udp() Builtin { return rule("udp", "UDP", "6969") }

// rule is tcp(…) and udp(…), which differ in the protocol only.
func rule(proto, title, port1 string) Builtin {
	return Builtin{
		Name: proto, positional: 2,
		Doc:     "A " + title + " port that a firewall opens.",
		Example: proto + `(` + port1 + `, sources = ["192.0.2.0/24"])`,
		Parameters: []Parameter{
			{Name: "port", to: port(), Example: port1, Doc: "Port of the machine."},
			{Name: "sources", to: listOf[string](prefix(true, "")), preset: starlark.NewList(nil), Example: `["192.0.2.0/24"]`, Doc: "Networks that may reach it; none means everywhere."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle(proto, environments.Rule{Proto: proto, Port: get[int](c, "port"), Sources: get[[]string](c, "sources")})
		},
	}
}
