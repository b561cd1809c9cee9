package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// secretsCommand looks after the secrets of an environment.
func (p *program) secretsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "secrets",
		Short:   "List, set, edit and rotate secrets, and say who may read them",
		GroupID: groupWrite,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.secretsList(), p.secretsSet(), p.secretsEdit(), p.secretsRotate(), p.secretsRecipients())
	return c
}

// A secretReport is what secrets list shows of one, which is never its value.
type secretReport struct {
	Name     string      `json:"name"`
	Source   string      `json:"source"`             // environment, command, generated; "" = nothing declares it
	From     string      `json:"from,omitempty"`     // the variable or the program
	Value    string      `json:"value"`              // set, kept, missing, later, asked, retired
	Rotation vault.State `json:"rotation,omitempty"` // "" = it is not being rotated
	Steps    bool        `json:"steps"`              // whether rotation() says how
	Uses     []string    `json:"uses"`               // nodes
}

// valueWords say for people what becomes of a secret's value.
var valueWords = map[string]string{
	"set": "set", "kept": "kept in the age file", "missing": "missing", "later": "made at first need",
	"asked": "asked for when needed", "retired": "from before the rotation",
}

func (p *program) secretsList() *cobra.Command {
	return &cobra.Command{
		Use:   "list ENV [KEY=VALUE…]",
		Short: "List the secrets: source, whether there is a value, where it is used",
		Long:  "secrets list shows each secret of the environment with its source, whether it\nhas a value, and the nodes that use it. No value is shown, no command is run.",
		RunE: func(c *cobra.Command, args []string) error {
			d, _, err := p.openSecrets(c, args, 0)
			if err != nil {
				return err
			}
			list, err := d.secretReports(c.Context())
			if err != nil {
				return err
			}
			if p.json {
				return writeDocument(p.Out, map[string]any{"environment": d.env.Name, "secrets": list})
			}
			return p.showSecrets(list)
		},
		ValidArgsFunction: p.completeEnvironments,
	}
}

// openSecrets opens the environment of a command that takes so many names
// before it.
func (p *program) openSecrets(c *cobra.Command, args []string, names int) (*deployment, words, error) {
	w, err := parseUpTo(c, args, names)
	if err == nil && len(w.names) < names {
		err = usage("no secret is named").hint("usage: %s", c.UseLine())
	}
	if err != nil {
		return nil, w, err
	}
	d, err := p.open(c.Context(), words{env: w.env, settings: w.settings})
	return d, w, err
}

// openSecret opens the environment of a command on one secret.
func (p *program) openSecret(c *cobra.Command, args []string) (*deployment, environments.Secret, error) {
	d, w, err := p.openSecrets(c, args, 1)
	if err != nil {
		return nil, environments.Secret{}, err
	}
	s, err := d.secret(w.names[0])
	return d, s, err
}

// secret returns the declaration of the secret that is named.
func (d *deployment) secret(name string) (environments.Secret, error) {
	s, ok := d.env.Secret(name)
	if ok {
		return s, nil
	}
	var known []string
	for _, o := range d.env.Secrets {
		known = append(known, o.Name)
	}
	err := usage("environment %q has no secret %q", d.env.Name, name)
	if near := builtins.Suggest(name, known); near != "" {
		return s, err.hint("did you mean %q?", near)
	}
	return s, err.hint("`%s secrets list %s` shows what it has", programName, d.env.Name)
}

func (d *deployment) secretReports(ctx context.Context) ([]secretReport, error) {
	kept, err := d.vault.Kept()
	if err != nil {
		return nil, err
	}
	states, err := d.vault.Rotations()
	if err != nil {
		return nil, err
	}
	list := []secretReport{}
	for _, s := range d.env.Secrets {
		r := secretReport{Name: s.Name, Source: s.Source(), Rotation: states[s.Name], Uses: append([]string{}, d.env.Uses(s.Name)...)}
		_, r.Steps = d.env.Rotation(s.Name)
		r.From, r.Value = d.sourceOf(ctx, s, kept)
		list = append(list, r)
		delete(kept, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		list = append(list, secretReport{Name: name, Value: "kept", Uses: []string{}})
	}
	return list, nil
}

func (d *deployment) sourceOf(ctx context.Context, s environments.Secret, kept map[string]string) (from, value string) {
	_, has := kept[s.Name]
	if len(s.Command) > 0 {
		return s.Command[0], "asked"
	}
	if s.Generate {
		if has {
			return "", "kept"
		}
		return "", "later"
	}
	from = s.Variable()
	set, _ := d.program.Getenv(from)
	_, err := d.vault.Value(ctx, s, false)
	_, retired := errors.AsType[*vault.RetiredError](err)
	switch {
	case retired:
		return from, "retired"
	case set != "":
		return from, "set"
	case has:
		return from, "kept"
	}
	return from, "missing"
}

func (p *program) showSecrets(list []secretReport) error {
	if len(list) == 0 {
		fmt.Fprintln(p.Out, "no secrets")
		return nil
	}
	t := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSOURCE\tVALUE\tUSED BY")
	for _, r := range list {
		source, value, uses := r.Source, valueWords[r.Value], strings.Join(r.Uses, " ")
		if r.From != "" && r.From != r.Name {
			source += " " + r.From
		}
		if r.Source == "" {
			source, uses = "-", "nothing declares it"
		}
		if r.Rotation != "" {
			value += fmt.Sprintf(", being rotated (%s)", r.Rotation)
		}
		if uses == "" {
			uses = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Name, source, value, uses)
	}
	return t.Flush()
}
