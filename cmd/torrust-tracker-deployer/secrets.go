package main

import (
	"context"
	"errors"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// secrets answers the engine out of the vault: the engine knows names, the
// vault wants declarations.
type secrets struct {
	vault *vault.Vault
	env   *environments.Environment
}

// Value returns a secret by its SecretID; one that is not generated yet is
// known later.
func (s secrets) Value(ctx context.Context, id string, create bool) (string, error) {
	name, which, _ := strings.Cut(id, ".")
	declared, ok := s.env.Secret(name)
	if !ok {
		return "", errors.New("secret " + name + " is not declared")
	}
	v, err := s.vault.Version(ctx, declared, which, create)
	return v, later("secret "+name, err)
}

// MAC returns a keyed digest; a key that is not made yet is known later.
func (s secrets) MAC(data []byte, create bool) (string, error) {
	v, err := s.vault.MAC(data, create)
	return v, later("the key for digests of secrets", err)
}

func later(what string, err error) error {
	if errors.Is(err, vault.ErrNotGenerated) {
		return &tasks.Unknown{What: what, When: "when it is generated"}
	}
	return err
}

// learn gets every secret that there is, so that the vault knows what has to be
// kept out of output: a machine may well speak of one that this run has no use
// for. Commands are not run for it.
func (s secrets) learn() {
	for _, d := range s.env.Secrets {
		if len(d.Command) == 0 {
			_, _ = s.vault.Value(context.Background(), d, false) // one that is not there cannot get out
		}
	}
}

// present checks, before anything is touched, that every secret is there but
// for those that are going to be generated, and that all are as is demanded of
// them, and reports all that are not.
func (s secrets) present(ctx context.Context) error {
	var wrong []error
	sealed := false
	for _, d := range s.env.Secrets {
		_, err := s.vault.Value(ctx, d, false)
		if errors.Is(err, vault.ErrNotGenerated) {
			continue
		}
		if _, locked := errors.AsType[*vault.KeyError](err); locked {
			if sealed { // one key for all
				continue
			}
			sealed = true
		}
		if err != nil {
			wrong = append(wrong, at(d.Position, err))
		}
	}
	return errors.Join(append(wrong, s.fit(ctx, s.atHand(ctx)))...)
}

// A reading answers a secret's value, false for one that is not at hand.
type reading func(leaf environments.Value) (string, bool)

// atHand reads every secret that can be read now.
func (s secrets) atHand(ctx context.Context) reading {
	return func(leaf environments.Value) (string, bool) {
		v, err := s.Value(ctx, leaf.SecretID(), false)
		return v, err == nil
	}
}

// without is atHand without running a command.
func (s secrets) without(ctx context.Context) reading {
	read := s.atHand(ctx)
	return func(leaf environments.Value) (string, bool) {
		declared, ok := s.env.Secret(leaf.Name)
		if !ok || len(declared.Command) > 0 {
			return "", false
		}
		return read(leaf)
	}
}

// with is atHand where a secret has a value that it does not have yet.
func (s secrets) with(ctx context.Context, name, value string) reading {
	read := s.atHand(ctx)
	return func(leaf environments.Value) (string, bool) {
		if leaf.Name == name {
			return value, true
		}
		return read(leaf)
	}
}

// fit reports every value that is not as a library demands, where the secret is
// declared, and never shows one. What is not at hand is not looked at.
func (s secrets) fit(ctx context.Context, read reading) error {
	var wrong []error
	for _, d := range s.env.Demands {
		for _, which := range []string{environments.Current, environments.Incoming} {
			text, known := rendered(d.Value, which, read)
			if known && !d.Met(text) {
				wrong = append(wrong, at(d.Position, s.misfit(d)))
				break
			}
		}
	}
	return errors.Join(wrong...)
}

// rendered renders a demanded value, where which is said instead of what the
// leaves say about which of the secret's values they are.
func rendered(v environments.Value, which string, read reading) (string, bool) {
	known := true
	text, err := v.Render(func(leaf environments.Value) (string, error) {
		if leaf.Attribute == environments.Current {
			leaf.Attribute = which
		}
		answer, ok := read(leaf)
		known = known && ok
		return answer, nil
	})
	return text, known && err == nil
}

func (s secrets) misfit(d environments.Demand) error {
	names := d.Secrets()
	what := "its value"
	if d.Value.Kind != environments.Hidden {
		what = "the text with its value"
	}
	err := usage("secret %q: %s does not fit: %s", names[0], what, d.Reason)
	declared, ok := s.env.Secret(names[0])
	switch {
	case !ok:
		return err
	case declared.Generate:
		return err.hint("`%s secrets rotate %s ENV` makes another one", programName, names[0])
	case len(declared.Command) > 0:
		return err.hint("change it where command %q gets it from", declared.Command[0])
	}
	return err.hint("set %s to another value", declared.Variable())
}

// A positioned error is one with the place in the environment file that it is
// about.
type positioned struct {
	position environments.Position
	cause    error
}

func at(position environments.Position, cause error) error { return &positioned{position, cause} }

// Error returns "POSITION: CAUSE".
func (e *positioned) Error() string { return e.position.String() + ": " + e.cause.Error() }

// Unwrap returns the cause.
func (e *positioned) Unwrap() error { return e.cause }
