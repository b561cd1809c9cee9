package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func rotation() Builtin {
	return Builtin{
		Name: "rotation",
		Doc: "How a service that runs gets another value of a secret, for `secrets rotate`: apply makes it take the new value as well, then all that uses the secret is deployed with the new one, " +
			"verify looks whether that works, and finish makes the old value useless. Each is a task on a host that may run again after it has succeeded and finds out by itself which value works. " +
			"Where a restart with the new value is all it takes, no rotation is needed.",
		Example: `rotation(name = "db", secret = secret("DB_PASSWORD", generate = True), apply = seed, verify = seed)`,
		kind:    "rotation",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"db"`, Doc: "Unique among the rotations."},
			{Name: "secret", to: plainSecret(), Example: `secret("DB_PASSWORD", generate = True)`, Doc: "What is rotated. It has one rotation."},
			{Name: "apply", to: taskOf(), Example: "seed", Doc: "Makes the service take the new value beside the old one, or in its place."},
			{Name: "verify", to: optional(taskOf()), preset: starlark.None, Example: "seed", Doc: "Fails unless the new value works; None leaves it out."},
			{Name: "finish", to: optional(taskOf()), preset: starlark.None, Example: "seed", Doc: "Makes the service refuse the old value; None where apply did."},
		},
		make: func(c *call) starlark.Value {
			r := environments.Rotation{
				Declared: c.declare(), Secret: get[string](c, "secret"),
				Apply: get[string](c, "apply"), Verify: get[string](c, "verify"), Finish: get[string](c, "finish"),
			}
			c.Environment.Rotations = append(c.Environment.Rotations, r)
			return &Handle{kind: "rotation", name: r.Name, node: "", attributes: []attribute{{"name", starlark.String(r.Name)}}}
		},
	}
}

// plainSecret takes what secret() returned and returns its name.
func plainSecret() converter {
	return converter{"secret", func(v starlark.Value) (any, error) {
		if d, ok := v.(*Deferred); ok && d.value.Kind == environments.Hidden && d.value.Attribute == environments.Current {
			return d.value.Name, nil
		}
		if _, ok := v.(*Deferred); ok {
			return nil, misfitf("got %s, want what secret(…) returned", v.(*Deferred).describe())
		}
		return nil, want(v, "what secret(…) returned")
	}}
}

// taskOf takes a task and returns its name.
func taskOf() converter {
	return converter{"task", func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok && h.kind == "task" {
			return h.name, nil
		}
		return nil, want(v, "task")
	}}
}
