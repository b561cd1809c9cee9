package builtins

import (
	"fmt"
	"reflect"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func secret() Builtin {
	return Builtin{
		Name: "secret", positional: 1,
		Doc:     "A value that is read where it is used and never shown or stored. Declared twice alike it is one secret.",
		Example: `secret("TRACKER_ADMIN_TOKEN", generate = True)`,
		later:   []string{"command"},
		Parameters: []Parameter{
			{Name: "name", to: matching("secret name", `[A-Za-z_][A-Za-z0-9_]{0,63}`, "a name of letters, digits and _"), Example: `"TRACKER_ADMIN_TOKEN"`, Doc: "Unique among the secrets."},
			{Name: "env", to: optional(variable()), preset: starlark.None, Example: `"ADMIN_TOKEN"`, Doc: "Environment variable that holds it; None is the one that bears its name."},
			{Name: "generate", to: boolean(), preset: starlark.False, Example: "True", Doc: "Whether it is made at first need, kept encrypted beside the environment file, and never changed."},
			{Name: "length", to: integer(16, 256), preset: starlark.MakeInt(32), Unit: "characters", Example: "48", Doc: "Length of a generated one."},
		},
		make: makeSecret,
	}
}

func makeSecret(c *call) starlark.Value {
	s := environments.Secret{Declared: c.declare(), Env: get[string](c, "env"), Generate: get[bool](c, "generate")}
	if s.Generate {
		s.Length = get[int](c, "length")
		if s.Env != "" {
			c.problem("env", "env and generate are both given", "a secret has one source")
			return nil
		}
	} else if c.isGiven("length") {
		c.problem("length", "length is for a generated secret", "add generate = True")
		return nil
	}
	v := &Deferred{environments.Value{Kind: environments.Hidden, Name: s.Name, Position: c.pos}, c.Evaluation}
	for _, other := range c.Environment.Secrets {
		if other.Name != s.Name {
			continue
		}
		same := other
		same.Declared = s.Declared
		if !reflect.DeepEqual(same, s) {
			c.problem("", "declared twice with different sources", fmt.Sprintf("it was declared first at %s", other.Position))
		}
		return v
	}
	c.Environment.Secrets = append(c.Environment.Secrets, s)
	return v
}
