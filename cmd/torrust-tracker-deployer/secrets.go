package main

import (
	"context"
	"errors"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// secrets answers the engine out of the vault: the engine knows names, the
// vault wants declarations.
type secrets struct {
	vault    *vault.Vault
	declared []environments.Secret
}

// Value returns a secret; one that is not generated yet is known later.
func (s secrets) Value(ctx context.Context, name string, create bool) (string, error) {
	i := slices.IndexFunc(s.declared, func(d environments.Secret) bool { return d.Name == name })
	if i < 0 {
		return "", errors.New("secret " + name + " is not declared")
	}
	v, err := s.vault.Value(ctx, s.declared[i], create)
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
	for _, d := range s.declared {
		if len(d.Command) == 0 {
			_, _ = s.vault.Value(context.Background(), d, false) // one that is not there cannot get out
		}
	}
}

// present checks, before anything is touched, that every secret which the
// operator's environment has to provide is there and that those which were
// generated can be read, and reports all that are not.
func (s secrets) present(ctx context.Context) error {
	var missing []error
	sealed := false
	for _, d := range s.declared {
		if len(d.Command) > 0 || d.Generate && sealed {
			continue
		}
		_, err := s.vault.Value(ctx, d, false)
		if errors.Is(err, vault.ErrNotGenerated) {
			continue
		}
		if _, wrong := errors.AsType[*vault.KeyError](err); wrong {
			sealed = true // one key for all
		}
		if err != nil {
			missing = append(missing, at(d.Position, err))
		}
	}
	return errors.Join(missing...)
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
