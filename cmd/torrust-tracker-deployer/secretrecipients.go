package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// A keyReport is a public key for which the age file is encrypted.
type keyReport struct {
	Key  string `json:"key"`
	Mine bool   `json:"mine"` // of the operator's own
}

func (p *program) secretsRecipients() *cobra.Command {
	c := &cobra.Command{
		Use:   "recipients ENV [KEY=VALUE…]",
		Short: "Show who can read the secrets, add somebody or take somebody out",
		Long: `secrets recipients shows the public keys for which environments/ENV.age is
encrypted: keys of age (age1…) and of ssh (ssh-ed25519, ssh-rsa). add and remove
encrypt it anew. Whoever is taken out can still read the file as it was before:
rotate what they should not know.`,
		RunE: func(c *cobra.Command, args []string) error {
			d, _, err := p.openSecrets(c, args, 0)
			if err != nil {
				return err
			}
			return p.showRecipients(d)
		},
		ValidArgsFunction: p.completeEnvironments,
	}
	c.AddCommand(
		p.recipientsChange("add", "Encrypt the secrets for a public key as well", "added",
			func(c *cobra.Command, d *deployment, keys []string) ([]string, error) {
				return d.vault.AddRecipients(c.Context(), keys)
			}),
		p.recipientsChange("remove", "Encrypt the secrets without a public key", "removed",
			func(c *cobra.Command, d *deployment, keys []string) ([]string, error) {
				return keys, d.vault.RemoveRecipients(c.Context(), keys)
			}),
	)
	return c
}

func (p *program) recipientsChange(name, short, done string, change func(*cobra.Command, *deployment, []string) ([]string, error)) *cobra.Command {
	return &cobra.Command{
		Use:   name + " KEY… ENV",
		Short: short,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("a public key and an environment are needed").hint("usage: %s", c.UseLine())
			}
			// A key of ssh may end in =, as KEY=VALUE does not.
			given, env := args[:len(args)-1], args[len(args)-1]
			var keys []string
			var wrong []error
			for _, text := range given {
				key, err := vault.ParseRecipient(text)
				keys, wrong = append(keys, key), append(wrong, err)
			}
			if err := errors.Join(wrong...); err != nil {
				return err
			}
			d, err := p.open(c.Context(), words{env: env})
			if err != nil {
				return err
			}
			changed, err := change(c, d, keys)
			if err != nil {
				return err
			}
			return p.said(d, done, changed...)
		},
	}
}

func (p *program) showRecipients(d *deployment) error {
	keys, err := d.vault.Recipients()
	if err != nil {
		return err
	}
	mine := d.vault.Own()
	list := []keyReport{}
	for _, k := range keys {
		list = append(list, keyReport{k, slices.Contains(mine, k)})
	}
	if p.json {
		return writeDocument(p.Out, map[string]any{"environment": d.env.Name, "recipients": list})
	}
	for _, r := range list {
		note := ""
		if r.Mine {
			note = "  (yours)"
		}
		fmt.Fprintln(p.Out, r.Key+p.style(p.Out).dim(note))
	}
	if len(list) == 0 {
		fmt.Fprintf(p.Out, "%s has no secrets yet, or none that name their readers\n", d.env.Name)
	}
	return nil
}
