package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
	"golang.org/x/term"
)

// sshCommand opens a shell on a machine. It speaks ssh itself: the key of the
// machine never leaves this process, and the host key is checked against the
// environment's own pins.
func (p *program) sshCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ssh [HOST] ENV [-- ARGV…]",
		Short:   "Open a shell on a machine, or run a command as the login user",
		Long:    "ssh opens a login shell on a machine, with the key and the host key that the\nenvironment keeps for it. With ARGV it runs a command and hands on its exit\ncode. HOST may be left out where there is one.",
		GroupID: groupReach,
		RunE: func(c *cobra.Command, args []string) error {
			d, host, w, err := p.reach(c, args)
			if err != nil {
				return err
			}
			if len(w.argv) > 0 {
				return d.execute(c.Context(), host, w.argv, false)
			}
			return d.shell(c.Context(), host)
		},
		ValidArgsFunction: p.completeHosts,
	}
}

// A sheller is a machine that has shells.
type sheller interface {
	Shell(ctx context.Context, t remote.Terminal, stdin io.Reader, stdout, stderr io.Writer) (int, error)
}

func (d *deployment) shell(ctx context.Context, host string) error {
	p := d.program
	tty, ok := p.In.(*os.File)
	if !ok || !isTerminal(p.In) {
		return usage("a shell needs a terminal").hint("`%s exec %s %s -- ARGV…` runs a command without one", programName, host, d.env.Name)
	}
	m, err := d.reachMachine(ctx, host)
	if err != nil {
		return err
	}
	defer closeMachine(m)
	s, ok := m.(sheller)
	if !ok {
		return usage("host %q is a simulated machine and has no shell", host)
	}
	width, height, err := term.GetSize(int(tty.Fd()))
	if err != nil {
		width, height = 80, 24
	}
	resize, end := resizes(tty)
	defer end()
	before, err := term.MakeRaw(int(tty.Fd()))
	if err != nil {
		return err
	}
	code, err := s.Shell(ctx, remote.Terminal{Type: p.getenv("TERM"), Width: width, Height: height, Resize: resize}, p.In, p.Out, p.Err)
	_ = term.Restore(int(tty.Fd()), before) // what else could be done about the terminal
	return handOn(code, err)
}

// resizes tells of new sizes of a terminal until end is called.
func resizes(tty *os.File) (sizes <-chan [2]int, end func()) {
	signals, list := make(chan os.Signal, 1), make(chan [2]int)
	signal.Notify(signals, syscall.SIGWINCH)
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over:
				return
			case <-signals:
			}
			width, height, err := term.GetSize(int(tty.Fd()))
			if err != nil {
				continue
			}
			select {
			case <-over:
				return
			case list <- [2]int{width, height}:
			}
		}
	}()
	return list, func() {
		signal.Stop(signals)
		close(over)
	}
}

// handOn turns the exit code of a remote command into ours.
func handOn(code int, err error) error {
	if err == nil && code != 0 {
		return codeError(code)
	}
	return err
}
