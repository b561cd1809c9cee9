package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func letsencrypt() Builtin {
	return Builtin{
		Name:    "letsencrypt",
		Doc:     "Let's Encrypt, which gives certificates that everybody trusts, for tls(issuer = …).",
		Example: `letsencrypt(staging = True)`,
		Parameters: []Parameter{
			{Name: "staging", to: boolean(), preset: starlark.False, Example: "True", Doc: "Whether its staging environment is asked: nobody trusts what it gives, and its limits are generous."},
		},
		make: func(c *call) starlark.Value {
			directory := environments.LetsEncrypt
			if get[bool](c, "staging") {
				directory = environments.LetsEncryptStaging
			}
			return valueHandle("letsencrypt", environments.Issuer{Directory: directory})
		},
	}
}

func acme() Builtin {
	return Builtin{
		Name: "acme", positional: 1,
		Doc:     "Any issuer that speaks ACME (RFC 8555), for tls(issuer = …).",
		Example: `acme("https://acme.example.com/directory")`,
		Parameters: []Parameter{
			{Name: "directory", to: matching("https URL", `https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?`, "an https URL"), Example: `"https://acme.example.com/directory"`, Doc: "URL of its directory."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("acme", environments.Issuer{Directory: get[string](c, "directory")})
		},
	}
}
