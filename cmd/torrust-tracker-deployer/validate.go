package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// validateCommand evaluates a file and builds its graph, no more.
func (p *program) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "validate ENV [KEY=VALUE…]",
		Short:   "Show everything that is wrong with an environment file",
		Long:    "validate evaluates the file and shows all errors at once. No machine is\ncontacted, no secret is needed, nothing is written. Secrets that are\nat hand are checked for what libraries demand of them.",
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 0)
			if err != nil {
				return err
			}
			d, err := p.open(c.Context(), w)
			if err == nil {
				err = d.checkComposed(c.Context())
			}
			if err == nil {
				err = d.secrets.fit(c.Context(), d.secrets.without(c.Context()))
			}
			if p.json {
				return p.validateJSON(d, err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "%s: ok: %s\n", d.file, contents(d.env))
			return nil
		},
		ValidArgsFunction: p.completeEnvironments,
	}
}

// validateJSON prints the problems as a document.
func (p *program) validateJSON(d *deployment, err error) error {
	report := struct {
		OK       bool                   `json:"ok"`
		Problems []environments.Problem `json:"problems"`
		Warnings []environments.Problem `json:"warnings"`
	}{OK: err == nil, Problems: []environments.Problem{}, Warnings: []environments.Problem{}}
	e, wrong := errors.AsType[*eval.Error](err)
	switch misfits := problemsOf(err); {
	case wrong:
		report.Problems = e.Problems
	case len(misfits) > 0:
		report.Problems, wrong = misfits, true
	case err != nil:
		return err
	default:
		report.Warnings = append(report.Warnings, d.env.Warnings...)
	}
	if werr := writeDocument(p.Out, report); werr != nil {
		return werr
	}
	if wrong {
		return codeError(exitUsage)
	}
	return nil
}

// problemsOf returns positioned errors as problems.
func problemsOf(err error) []environments.Problem {
	var list []environments.Problem
	for _, one := range flatten(err) {
		if e, ok := errors.AsType[*positioned](one); ok {
			list = append(list, environments.Problem{Position: e.position, Message: e.cause.Error(), Hint: strings.Join(hints(e.cause), "\n")})
		}
	}
	return list
}

// contents counts what an environment declares.
func contents(env *environments.Environment) string {
	var parts []string
	for _, k := range []struct {
		n    int
		what string
	}{
		{len(env.Hosts), "host"}, {len(env.Services), "service"}, {len(env.Files), "file"},
		{len(env.Firewalls), "firewall"}, {len(env.Probes), "probe"}, {len(env.Tasks), "task"}, {len(env.Groups), "group"},
		{len(env.Backups), "backup"},
	} {
		if k.n > 0 {
			parts = append(parts, plural(k.n, k.what))
		}
	}
	if len(parts) == 0 {
		return "nothing is declared"
	}
	return joined(parts)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
