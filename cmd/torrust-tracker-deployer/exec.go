package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// execCommand runs a command on a machine as root.
func (p *program) execCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "exec [HOST] ENV -- ARGV…",
		Short:   "Run a command on a machine as root, and hand on its exit code",
		Long:    "exec runs an argv on a machine as root, with this program's streams, and ends\nwith its exit code. HOST may be left out where there is one. `ssh` runs it as\nthe login user.",
		GroupID: groupReach,
		RunE: func(c *cobra.Command, args []string) error {
			d, host, w, err := p.reach(c, args)
			if err != nil {
				return err
			}
			if len(w.argv) == 0 {
				return usage("there is nothing to run").hint("usage: %s", c.UseLine())
			}
			return d.execute(c.Context(), host, w.argv, true)
		},
		ValidArgsFunction: p.completeHosts,
	}
}

// reach resolves [HOST] ENV [-- ARGV…].
func (p *program) reach(c *cobra.Command, args []string) (*deployment, string, words, error) {
	w, err := parse(c, args)
	if err != nil {
		return nil, "", w, err
	}
	if err := w.exactly(c, 1, true); err != nil {
		return nil, "", w, err
	}
	d, err := p.open(c.Context(), w)
	if err != nil {
		return nil, "", w, err
	}
	host, err := d.onlyHost(w.names)
	return d, host, w, err
}

// onlyHost returns the host that is named, or the only one.
func (d *deployment) onlyHost(names []string) (string, error) {
	if len(names) == 1 {
		h, err := d.host(trimKind(names[0], "vm"))
		return h.Name, err
	}
	switch all := d.hostNames(); len(all) {
	case 1:
		return all[0], nil
	case 0:
		return "", usage("environment %q has no host", d.env.Name)
	default:
		return "", usage("which host of environment %q?", d.env.Name).hint("there are %s", joined(all))
	}
}

// reachMachine connects to a host for a person. A host key that is seen for
// the first time is recorded.
func (d *deployment) reachMachine(ctx context.Context, host string) (hosts.Machine, error) {
	h, err := d.host(host)
	if err != nil {
		return nil, err
	}
	d.writes = true
	return d.machine(ctx, h)
}

// An executor is a machine that runs commands for people: nothing is locked,
// and streams are theirs.
type executor interface {
	Exec(ctx context.Context, argv []string, root bool, stdin io.Reader, stdout, stderr io.Writer) (int, error)
}

// execute runs an argv on a host with our streams.
func (d *deployment) execute(ctx context.Context, host string, argv []string, root bool) error {
	ctx, end := cancelledBySignals(ctx)
	defer end()
	m, err := d.reachMachine(ctx, host)
	if err != nil {
		return err
	}
	defer closeMachine(m)
	p := d.program
	if e, ok := m.(executor); ok {
		code, err := e.Exec(ctx, argv, root, p.In, p.Out, p.Err)
		if ctx.Err() != nil {
			return codeError(exitInterrupted) // whoever ended it knows
		}
		return handOn(code, err)
	}
	results, err := m.Apply(ctx, []hosts.Operation{hosts.Run{Argv: argv, Root: root}}, nil)
	if len(results) == 0 {
		return err
	}
	io.WriteString(p.Out, results[0].Output)
	if code := results[0].ExitCode; code != 0 {
		return codeError(code)
	}
	return err
}
