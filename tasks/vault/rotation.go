package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
)

// A State is how far the rotation of a secret has come. What a state says was
// done was done; the step after it may have been done, too.
type State string

// The states, in their order. A rotation that is over is none.
const (
	Pending  State = "pending"  // there is a new value; nobody uses it
	Applied  State = "applied"  // the service takes the new value; everything is to use it
	Verified State = "verified" // everything uses it, and it works
)

// A rotating is a secret with two values.
type rotating struct {
	Old   string `json:"old"`
	New   string `json:"new"`
	State State  `json:"state"`
}

// value returns the one of the two values that a [environments.Value]'s
// attribute means.
func (r rotating) value(which string) string {
	switch {
	case which == environments.Outgoing:
		return r.Old
	case which == environments.Incoming, r.State != Pending:
		return r.New
	}
	return r.Old
}

// Rotations returns the state of every secret that is being rotated.
func (v *Vault) Rotations() (map[string]State, error) {
	doc, err := v.read()
	if err != nil {
		return nil, err
	}
	states := map[string]State{}
	for name, r := range doc.Rotations {
		states[name] = r.State
	}
	return states, nil
}

// ErrSame is a new value that is the one that a secret has.
const ErrSame = failure("the new value is the one that it has")

// Rotate begins the rotation of a secret from the value that it has to next,
// which is made for a generated one where next is empty. It is durable when
// Rotate returns. Where a rotation is under way already, nothing happens. A
// secret that was never generated is ErrNotGenerated.
func (v *Vault) Rotate(ctx context.Context, secret environments.Secret, next string) error {
	old, err := v.Value(ctx, secret, false)
	if err != nil {
		return err
	}
	return v.change(ctx, func(d *document) (bool, error) {
		if _, ok := d.Rotations[secret.Name]; ok {
			return false, nil
		}
		if next == "" && secret.Generate {
			if next, err = password(lengthOf(secret)); err != nil {
				return false, fmt.Errorf("secret %q: %w", secret.Name, err)
			}
		}
		if next == old {
			return false, fmt.Errorf("secret %q: %w", secret.Name, ErrSame)
		}
		d.Rotations[secret.Name] = rotating{Old: old, New: next, State: Pending}
		return true, nil
	})
}

// Advance takes a rotation from one state to the next. One that is elsewhere
// is an error: somebody else is at it.
func (v *Vault) Advance(ctx context.Context, secret string, from, to State) error {
	return v.change(ctx, func(d *document) (bool, error) {
		r, ok := d.Rotations[secret]
		if !ok || r.State != from {
			return false, fmt.Errorf("secret %q: its rotation is not %s any more", secret, from)
		}
		r.State = to
		d.Rotations[secret] = r
		return true, nil
	})
}

// TurnBack makes a rotation one to the value that the secret had before: from
// its beginning, since nobody knows how far it has come.
func (v *Vault) TurnBack(ctx context.Context, secret string) error {
	return v.change(ctx, func(d *document) (bool, error) {
		r, ok := d.Rotations[secret]
		if !ok {
			return false, fmt.Errorf("secret %q is not being rotated", secret)
		}
		d.Rotations[secret] = rotating{Old: r.New, New: r.Old, State: Pending}
		return true, nil
	})
}

// Finish ends a rotation: the new value is the secret's, the old one is
// forgotten but for a keyed digest, by which it is recognised should a variable
// or a command still have it.
func (v *Vault) Finish(ctx context.Context, secret environments.Secret) error {
	var r rotating
	var ok bool
	err := v.change(ctx, func(d *document) (bool, error) {
		if r, ok = d.Rotations[secret.Name]; !ok {
			return false, nil
		}
		delete(d.Rotations, secret.Name)
		d.replace(secret, r.Old, r.New)
		return true, nil
	})
	if err == nil && ok {
		v.settle(secret.Name, r.New)
	}
	return err
}

// Replace gives a secret another value at once, as Rotate and Finish would.
func (v *Vault) Replace(ctx context.Context, secret environments.Secret, next string) error {
	old, err := v.Value(ctx, secret, false)
	if err != nil && !errors.Is(err, ErrNotGenerated) && !isMissing(err) {
		return err
	}
	err = v.change(ctx, func(d *document) (bool, error) {
		if _, ok := d.Rotations[secret.Name]; ok {
			return false, &RotatingError{Name: secret.Name}
		}
		var err error
		if next == "" && secret.Generate {
			if next, err = password(lengthOf(secret)); err != nil {
				return false, fmt.Errorf("secret %q: %w", secret.Name, err)
			}
		}
		if next == old {
			return false, fmt.Errorf("secret %q: %w", secret.Name, ErrSame)
		}
		d.replace(secret, old, next)
		return true, nil
	})
	if err == nil {
		v.settle(secret.Name, next)
	}
	return err
}

func isMissing(err error) bool {
	_, ok := errors.AsType[*MissingError](err)
	return ok
}

// retiredKept is how many values that a secret had are recognised.
const retiredKept = 8

// replace makes next the value of a secret. That of a command is kept where
// the command gets it from.
func (d *document) replace(secret environments.Secret, old, next string) {
	digest := func(value string) string { return d.digest([]byte("retired " + secret.Name + "\x00" + value)) }
	retired := d.Retired[secret.Name]
	if old != "" {
		retired = append(retired, digest(old))
	}
	again := digest(next) // it may have been the value before
	retired = slices.DeleteFunc(retired, func(x string) bool { return x == again })
	d.Retired[secret.Name] = retired[max(0, len(retired)-retiredKept):]
	if len(secret.Command) == 0 {
		d.Secrets[secret.Name] = next
	}
}

// isRetired reports whether a secret had value before it was rotated.
func (d *document) isRetired(secret, value string) bool {
	list := d.Retired[secret]
	return len(list) > 0 && slices.Contains(list, d.digest([]byte("retired "+secret+"\x00"+value)))
}

// A RotatingError is a secret that is being rotated and therefore cannot be
// given another value.
type RotatingError struct{ Name string }

// Error names the secret.
func (e *RotatingError) Error() string {
	return fmt.Sprintf("secret %q is being rotated", e.Name)
}

// Hint says how to get on.
func (e *RotatingError) Hint() string {
	return "`secrets rotate` or `deploy` goes on with it, `secrets rotate --back` returns to the value before"
}

// A RetiredError is a variable or a command with a value that a secret had
// before it was rotated.
type RetiredError struct {
	Name   string // of the secret
	Source string // "environment variable X", `command "pass"`
	Kept   bool   // the age file has the new value
}

// Error names the secret and where the value comes from.
func (e *RetiredError) Error() string {
	return fmt.Sprintf("secret %q: %s still has the value from before the rotation", e.Name, e.Source)
}

// Hint says what to do.
func (e *RetiredError) Hint() string {
	if e.Kept {
		return "unset it, so that the value beside the environment file counts, or set it to the new one"
	}
	return "put the new value where it gets it from"
}
