package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func existing() Builtin {
	return Builtin{
		Name: "existing", positional: 2,
		Doc:     "A machine that is already there and is reached over ssh. destroy leaves the machine.",
		Example: `existing(address = "203.0.113.7", user = "admin")`,
		later:   []string{"jump"},
		Parameters: []Parameter{
			{Name: "address", to: matching("address", `[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]+`, "a host name or an IP address"), Example: `"203.0.113.7"`, Doc: "Host name or IP address."},
			{Name: "user", to: login(), Example: `"admin"`, Doc: "Login over ssh: root, or one that may use sudo without a password."},
			{Name: "port", to: port(), preset: starlark.MakeInt(22), Example: "2222", Doc: "Where sshd listens."},
			{Name: "fingerprint", to: orEmpty(matching("fingerprint", `SHA256:[A-Za-z0-9+/]{43}`, "a fingerprint")), preset: starlark.String(""), Example: `"SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDUFO9bFxgGEd8R2xY"`, Doc: "Of a host key, as ssh-keygen -lf prints it; without one the first key that is seen is shown and recorded."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("existing", environments.Provider{Existing: &environments.Existing{
				Address: get[string](c, "address"), User: get[string](c, "user"), Port: get[int](c, "port"), Fingerprint: get[string](c, "fingerprint"),
			}})
		},
	}
}
