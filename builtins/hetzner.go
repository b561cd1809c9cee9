package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func hetzner() Builtin {
	return Builtin{
		Name:    "hetzner",
		Doc:     "A server of Hetzner Cloud. Calling the cloud is for a later version: deploy refuses it, validate and render work.",
		Example: `hetzner(server_type = "cpx22", location = "fsn1", image = "debian-13", token = secret("HCLOUD_TOKEN"))`,
		Parameters: []Parameter{
			{Name: "server_type", to: matching("server type", `[a-z]{2,6}[0-9]{1,3}`, "a server type"), Example: `"cpx22"`, Doc: "Kind of server, as Hetzner names it: cpx22, cx33, ccx23, cax11; cax are ARM."},
			{Name: "location", to: matching("location", `[a-z]{3}[0-9]{0,2}`, "a location"), Example: `"fsn1"`, Doc: "Where it stands: fsn1, nbg1, hel1, ash, hil or sin."},
			{Name: "image", to: matching("image", `[a-z][a-z0-9.-]{1,62}[a-z0-9]|[0-9]{1,18}`, "a name or number of an image"), Example: `"debian-13"`, Doc: "System it starts with: debian-13, ubuntu-24.04, or the number of a snapshot."},
			{Name: "token", to: cloudToken(), Example: `secret("HCLOUD_TOKEN")`, Doc: "Token of the project, with the right to write."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("hetzner", environments.Provider{Hetzner: &environments.Hetzner{
				ServerType: get[string](c, "server_type"), Location: get[string](c, "location"),
				Image: get[string](c, "image"), Token: get[environments.Value](c, "token"),
			}})
		},
	}
}

// cloudToken takes a secret alone.
func cloudToken() converter {
	return converter{"secret", func(v starlark.Value) (any, error) {
		if _, ok := v.(starlark.String); ok {
			return nil, misfitf("a token may not be written in the file").withHint(`secret("HCLOUD_TOKEN") is read when it is needed`)
		}
		x, err := toValue(v, "a secret")
		if err != nil {
			return nil, err
		}
		if x.(environments.Value).Kind != environments.Hidden {
			return nil, misfitf("got %s, want a secret", v.Type())
		}
		return x, nil
	}}
}
