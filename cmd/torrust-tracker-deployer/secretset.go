package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"golang.org/x/term"
)

func (p *program) secretsSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME ENV [KEY=VALUE…]",
		Short: "Keep the value of a secret beside the environment file",
		Long: `secrets set keeps the value of a secret, encrypted, in environments/ENV.age. It
is read from standard input, without the last newline, or asked for on the
terminal, and counts where the environment variable of the secret is unset. The
next deploy puts it on the machines; the value of a service that runs is better
changed by secrets rotate.`,
		RunE: func(c *cobra.Command, args []string) error {
			d, s, err := p.openSecret(c, args)
			if err != nil {
				return err
			}
			if err := d.settable(c.Context(), s); err != nil {
				return err
			}
			value, err := p.readSecret(s.Name)
			if err != nil {
				return err
			}
			if err := d.secrets.fit(c.Context(), d.secrets.with(c.Context(), s.Name, value)); err != nil {
				return err
			}
			if err := d.vault.Keep(c.Context(), map[string]string{s.Name: value}, true); err != nil {
				return err
			}
			if set := p.getenv(s.Variable()); set != "" && !s.Generate {
				p.note("environment variable %s is set, and what it holds counts", s.Variable())
			}
			return p.said(d, "set", s.Name)
		},
		ValidArgsFunction: p.completeEnvironments,
	}
}

// said prints what has become of secrets.
func (p *program) said(d *deployment, what string, names ...string) error {
	if p.json {
		return writeDocument(p.Out, map[string]any{"environment": d.env.Name, what: append([]string{}, names...)})
	}
	if len(names) == 0 {
		fmt.Fprintf(p.Out, "%s: nothing has changed\n", d.env.Name)
	}
	for _, n := range names {
		fmt.Fprintf(p.Out, "%s: %s %s\n", d.env.Name, what, n)
	}
	return nil
}

// settable refuses a secret whose value is kept elsewhere, or whose service
// would not know of it.
func (d *deployment) settable(ctx context.Context, s environments.Secret) error {
	if len(s.Command) > 0 {
		return usage("secret %q is what command %q prints", s.Name, s.Command[0]).hint("change it there, or declare it without command")
	}
	_, err := d.vault.Value(ctx, s, false)
	if _, steps := d.env.Rotation(s.Name); steps && err == nil {
		return usage("secret %q has a value, and a rotation that brings another one to its service", s.Name).
			hint("`%s secrets rotate %s %s`", programName, s.Name, d.env.Name)
	}
	return nil
}

// mostSecret is how long a secret may be, in bytes: keys and certificates fit.
const mostSecret = 64 << 10

// readSecret reads a value from standard input, or asks for it twice where that
// is a terminal.
func (p *program) readSecret(name string) (string, error) {
	if f, ok := p.In.(*os.File); ok && isTerminal(p.In) {
		return p.promptSecret(f, name)
	}
	data, err := io.ReadAll(io.LimitReader(p.In, mostSecret+2))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return checkSecret(name, bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r")))
}

func (p *program) promptSecret(f *os.File, name string) (string, error) {
	var values [2][]byte
	for i, question := range []string{"New value of " + name, "The same again"} {
		var err error
		if values[i], err = p.unseen(f, question); err != nil {
			return "", err
		}
	}
	if !bytes.Equal(values[0], values[1]) {
		return "", usage("the two values differ")
	}
	return checkSecret(name, values[0])
}

// unseen asks for something that is not shown while it is typed.
func (p *program) unseen(f *os.File, question string) ([]byte, error) {
	fmt.Fprintf(p.asking(), "%s: ", question)
	line, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(p.asking())
	return line, err
}

// checkSecret refuses what no program takes for a secret.
func checkSecret(name string, value []byte) (string, error) {
	switch {
	case len(value) == 0:
		return "", usage("secret %q: there is no value", name).hint("it is read from standard input, as in `%s secrets … < FILE`, or asked for on a terminal", programName)
	case len(value) > mostSecret:
		return "", usage("secret %q: the value has more than %d bytes", name, mostSecret)
	case !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0:
		return "", usage("secret %q: the value is not text", name)
	case strings.TrimSpace(string(value)) == "":
		return "", usage("secret %q: the value is nothing but blanks", name)
	}
	return string(value), nil
}

// passphrase asks for the passphrase of an ssh key; nil where there is nobody
// to ask.
func (p *program) passphrase() func(file string) ([]byte, error) {
	f, ok := p.In.(*os.File)
	if !ok || !isTerminal(p.In) {
		return nil
	}
	return func(file string) ([]byte, error) { return p.unseen(f, "Passphrase of "+file) }
}
