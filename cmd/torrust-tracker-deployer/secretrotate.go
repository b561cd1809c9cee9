package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

func (p *program) secretsRotate() *cobra.Command {
	var back, stdin bool
	o := &runOptions{test: "changed"}
	c := &cobra.Command{
		Use:   "rotate NAME ENV [KEY=VALUE…]",
		Short: "Give a secret another value, on the machines that run as well",
		Long: `secrets rotate gives a secret another value and deploys: a generated one gets a
new one, that of another is read from standard input or asked for.

Where the environment has a rotation() for it, the service is first brought to
take the new value beside the old one, then everything that uses the secret is
deployed with it, it is tried, and at last the old one is made useless. Both are
kept in environments/ENV.age until then. A rotation that was cut off is taken up
by the next deploy, or by this command; --back goes the way back to the value
before. Without a rotation() the new value counts at once.`,
		RunE: func(c *cobra.Command, args []string) error {
			d, s, err := p.openSecret(c, args)
			if err != nil {
				return err
			}
			return d.rotate(c.Context(), s, back, stdin, o)
		},
		ValidArgsFunction: p.completeEnvironments,
	}
	o.flags(c)
	c.Flags().StringVar(&o.test, "test", "changed", "`WHEN` to test afterwards: always, never or changed")
	c.Flags().BoolVar(&back, "back", false, "return to the value before, in the middle of a rotation")
	c.Flags().BoolVar(&stdin, "stdin", false, "read the new value from standard input, also that of a generated secret")
	for _, name := range []string{"only", "force"} {
		_ = c.Flags().MarkHidden(name) // it is the whole deployment
	}
	return c
}

// rotate records what is going to be done and then deploys, which does it.
func (d *deployment) rotate(ctx context.Context, s environments.Secret, back, stdin bool, o *runOptions) error {
	selection, err := d.choose([]string{"deploy"}, false)
	if err != nil {
		return err
	}
	if err := d.possible(selection); err != nil {
		return err
	}
	states, err := d.vault.Rotations()
	if err != nil {
		return err
	}
	state, going := states[s.Name]
	next := ""
	switch {
	case back && !going:
		return usage("secret %q is not being rotated", s.Name).hint("there is no value before that anybody knows")
	case !going:
		if next, err = d.nextValue(ctx, s, stdin); err != nil {
			return err
		}
	}
	if err := d.admit(ctx, selection); err != nil {
		return err
	}
	end, err := d.begin()
	if err != nil {
		return err
	}
	defer end()
	if err := d.intend(ctx, s, next, state, back); err != nil {
		return err
	}
	return d.run(ctx, selection, o)
}

// intend makes durable what is going to be done.
func (d *deployment) intend(ctx context.Context, s environments.Secret, next string, state vault.State, back bool) error {
	_, steps := d.env.Rotation(s.Name)
	switch {
	case back:
		d.program.note("secret %s returns to the value before", s.Name)
		return d.vault.TurnBack(ctx, s.Name)
	case state != "":
		d.program.note("secret %s is being rotated already (%s): it goes on", s.Name, state)
		return nil
	case steps:
		return d.vault.Rotate(ctx, s, next)
	}
	if err := d.vault.Replace(ctx, s, next); err != nil {
		return err
	}
	if text := reminder(s); text != "" {
		d.program.note("secret %s has another value%s", s.Name, text)
	}
	return nil
}

// nextValue returns the value that a secret is to have, "" where it is to be
// generated. What makes a rotation impossible is found here.
func (d *deployment) nextValue(ctx context.Context, s environments.Secret, stdin bool) (string, error) {
	_, steps := d.env.Rotation(s.Name)
	_, err := d.vault.Value(ctx, s, false)
	switch {
	case len(s.Command) > 0 && !steps:
		return "", usage("secret %q is what command %q prints", s.Name, s.Command[0]).
			hint("change it there and deploy; only a rotation(…) needs to know both values")
	case err != nil && steps:
		return "", at(s.Position, fmt.Errorf("there is nothing to rotate: %w", err))
	case s.Generate && !stdin:
		return "", nil
	}
	value, err := d.program.readSecret(s.Name)
	if err != nil {
		return "", err
	}
	return value, d.secrets.fit(ctx, d.secrets.with(ctx, s.Name, value))
}
