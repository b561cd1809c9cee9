package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func firewall() Builtin {
	return Builtin{
		Name:    "firewall",
		Doc:     "What a machine lets in, published ports of containers included. Without one only ssh is open; ssh always is.",
		Example: `firewall(name = "edge", host = web, allow = [tcp(7070), udp(6969)])`,
		kind:    "firewall",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"edge"`, Doc: "Unique among the firewalls."},
			{Name: "host", to: host(), Example: "web", Doc: "The machine it guards; a machine has at most one."},
			{Name: "allow", to: listOf[environments.Rule](payload[environments.Rule]("tcp(…) or udp(…)")), preset: starlark.NewList(nil), Example: `[tcp(7070), udp(6969)]`, Doc: "The ports that are open, each tcp(…) or udp(…)."},
		},
		make: func(c *call) starlark.Value {
			f := environments.Firewall{Declared: c.declare(), Host: get[string](c, "host"), Allow: get[[]environments.Rule](c, "allow")}
			c.Environment.Firewalls = append(c.Environment.Firewalls, f)
			return &Handle{kind: "firewall", name: f.Name, node: "firewall:" + f.Name, host: f.Host, attributes: []attribute{{"name", starlark.String(f.Name)}}}
		},
	}
}
