package builtins

import (
	"fmt"
	"reflect"
	"slices"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func secret() Builtin {
	return Builtin{
		Name: "secret", positional: 1,
		Doc:     "A value that is read where it is used and never shown. Declared twice alike it is one secret. While it is being rotated, .old is the value that goes and .new the one that comes; else both are the secret itself. .name is its name, which is known.",
		Example: `secret("TRACKER_ADMIN_TOKEN", generate = True)`,
		Parameters: []Parameter{
			{Name: "name", to: matching("secret name", `[A-Za-z_][A-Za-z0-9_]{0,63}`, "a name of letters, digits and _"), Example: `"TRACKER_ADMIN_TOKEN"`, Doc: "Unique among the secrets."},
			{Name: "env", to: optional(variable()), preset: starlark.None, Example: `"ADMIN_TOKEN"`, Doc: "Environment variable that holds it; None is the one that bears its name. Where it is unset, the value that `secrets set` has put beside the environment file counts."},
			{Name: "command", to: optional(words()), preset: starlark.None, Example: `["pass", "show", "tracker"]`, Doc: "A command on the operator's computer whose output, without the last newline, is the value. No shell reads it; it may take two minutes."},
			{Name: "generate", to: boolean(), preset: starlark.False, Example: "True", Doc: "Whether it is made at first need, kept encrypted beside the environment file, and changed by `secrets rotate` only."},
			{Name: "length", to: integer(16, 256), preset: starlark.MakeInt(32), Unit: "characters", Example: "48", Doc: "Length of a generated one."},
		},
		make: makeSecret,
	}
}

func makeSecret(c *call) starlark.Value {
	s := environments.Secret{
		Declared: c.declare(), Env: get[string](c, "env"), Command: get[[]string](c, "command"), Generate: get[bool](c, "generate"),
	}
	var sources []string
	for _, source := range []struct {
		name  string
		given bool
	}{{"env", s.Env != ""}, {"command", len(s.Command) > 0}, {"generate", s.Generate}} {
		if source.given {
			sources = append(sources, source.name)
		}
	}
	if len(sources) > 1 {
		c.problem(sources[0], sources[0]+" and "+sources[1]+" are both given", "a secret has one source")
		return nil
	}
	if s.Generate {
		s.Length = get[int](c, "length")
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

var _ starlark.HasAttrs = (*Deferred)(nil)

// Attr returns the name of a secret, which is known, and the two values that it
// has while it is being rotated; other deferred values have no attributes.
func (d *Deferred) Attr(name string) (starlark.Value, error) {
	if d.value.Kind != environments.Hidden || d.value.Attribute != environments.Current || !slices.Contains(d.AttrNames(), name) {
		return nil, nil
	}
	if name == "name" {
		return starlark.String(d.value.Name), nil
	}
	v := d.value
	v.Attribute = name
	return &Deferred{v, d.ev}, nil
}

// AttrNames returns the attributes of a secret.
func (d *Deferred) AttrNames() []string {
	if d.value.Kind != environments.Hidden || d.value.Attribute != environments.Current {
		return nil
	}
	return []string{"name", environments.Incoming, environments.Outgoing}
}
