package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func registryLogin() Builtin {
	return Builtin{
		Name: "registry_login", positional: 2,
		Doc:     "How a machine logs in to a registry to pull images.",
		Example: `registry_login("ops-bot", secret("GHCR_TOKEN"))`,
		Parameters: []Parameter{
			{Name: "user", to: checked(filled(), "string", control), Example: `"ops-bot"`, Doc: "Name at the registry."},
			{Name: "password", to: confidential(), Example: `secret("GHCR_TOKEN")`, Doc: "Password or token: a secret(…). It is in one file of the machine, readable by root alone."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("registry_login", environments.Login{User: get[string](c, "user"), Password: get[environments.Value](c, "password")})
		},
	}
}

// confidential takes a secret, or text built of nothing but secrets and
// literals.
func confidential() converter {
	return checked(value(), "secret", func(v environments.Value) error {
		if !v.Secret() {
			return misfitf("a password that is no secret would be in the file for everybody").withHint(`password = secret("NAME")`)
		}
		for leaf := range v.Leaves() {
			if leaf.Kind != environments.Hidden {
				return misfitf("%s is not known before there is a machine", leaf)
			}
		}
		return nil
	})
}

// registryName takes the name of a registry as it begins references of images.
func registryName() converter {
	return matching("registry", `[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?`, `a registry such as "ghcr.io" or "docker.io"`)
}
