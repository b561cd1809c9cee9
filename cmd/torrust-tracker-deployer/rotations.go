package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// A rotation of a secret is four steps around a deployment. Each is recorded in
// the age file before the next one begins, and each may be taken again:
//
//	pending  → apply    → applied    the service takes the new value
//	applied  → (deploy)              everything that uses the secret gets it
//	         → verify   → verified   it works
//	verified → finish   → over       the old value is refused, and forgotten
//
// Every full deployment goes on with the rotations that it finds, so that one
// which was killed anywhere is completed by `deploy`.

// underWay returns the rotations that are, sorted by the secret's name, for
// secrets that are declared.
func (d *deployment) underWay() ([]string, map[string]vault.State, error) {
	states, err := d.vault.Rotations()
	if err != nil {
		return nil, nil, err
	}
	maps.DeleteFunc(states, func(name string, _ vault.State) bool { _, ok := d.env.Secret(name); return !ok })
	return slices.Sorted(maps.Keys(states)), states, nil
}

// applyRotations takes the step before the deployment.
func (d *deployment) applyRotations(ctx context.Context, m *monitor, o *runOptions) error {
	names, states, err := d.underWay()
	if err != nil {
		return err
	}
	for _, name := range names {
		if states[name] != vault.Pending {
			continue
		}
		m.say("secret %s is being rotated: the new value is brought to the service", name)
		r, _ := d.env.Rotation(name)
		if err := d.rotationStep(ctx, m, o, name, r.Apply); err != nil {
			return err
		}
		if err := d.vault.Advance(ctx, name, vault.Pending, vault.Applied); err != nil {
			return err
		}
	}
	return nil
}

// finishRotations takes the steps after the deployment.
func (d *deployment) finishRotations(ctx context.Context, m *monitor, o *runOptions) error {
	names, states, err := d.underWay()
	if err != nil {
		return err
	}
	for _, name := range names {
		r, _ := d.env.Rotation(name)
		if states[name] == vault.Applied {
			m.say("secret %s is being rotated: the new value is tried", name)
			if err := d.rotationStep(ctx, m, o, name, r.Verify); err != nil {
				return err
			}
			if err := d.vault.Advance(ctx, name, vault.Applied, vault.Verified); err != nil {
				return err
			}
		}
		m.say("secret %s is being rotated: the old value is made useless", name)
		if err := d.rotationStep(ctx, m, o, name, r.Finish); err != nil {
			return err
		}
		secret, _ := d.env.Secret(name)
		if err := d.vault.Finish(ctx, secret); err != nil {
			return err
		}
		m.say("secret %s is rotated%s", name, reminder(secret))
	}
	return nil
}

// reminder says what the operator has to do, since nobody else can.
func reminder(s environments.Secret) string {
	switch {
	case len(s.Command) > 0:
		return fmt.Sprintf(": now put the new value where command %q gets it from", s.Command[0])
	case !s.Generate:
		return fmt.Sprintf(": it is kept beside the environment file; %s has to be unset, or set to it", s.Variable())
	}
	return ""
}

// rotationStep runs a task of a rotation with what it depends on; "" is none.
func (d *deployment) rotationStep(ctx context.Context, m *monitor, o *runOptions, secret, task string) error {
	if task == "" {
		return nil
	}
	s, err := d.graph.Select([]string{"task:" + task}, false)
	if err != nil {
		return err
	}
	plan, err := d.engine.Plan(ctx, d.graph, s)
	if err != nil {
		return err
	}
	defer plan.Close()
	if err := d.reachable(plan, false); err != nil {
		return err
	}
	if err := d.consent(m, plan, &runOptions{yes: o.yes}); err != nil {
		return err
	}
	if _, err := d.engine.Execute(ctx, plan); err != nil {
		return &rotationError{secret, asInterrupted(err)}
	}
	return nil
}

// A rotationError is a rotation that stopped on its way.
type rotationError struct {
	secret string
	cause  error
}

// Error returns the cause, which names the task.
func (e *rotationError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *rotationError) Unwrap() error { return e.cause }

// Hint says how to get on.
func (e *rotationError) Hint() string {
	return fmt.Sprintf("the rotation of secret %s is not over: `deploy` goes on with it, `secrets rotate %s ENV --back` returns to the value before", e.secret, e.secret)
}

// mentionRotations says what a plan is in the middle of.
func (d *deployment) mentionRotations() error {
	names, states, err := d.underWay()
	for _, name := range names {
		d.program.note("secret %s is being rotated (%s): deploy goes on with it", name, states[name])
	}
	return err
}
