package remote

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// Exec runs an argv on the machine with the caller's streams, as root or as
// the login user, and returns its exit code. It takes no lock and leaves no
// trace. A nil stdin is empty. When ctx ends the command is killed.
func (m *Machine) Exec(ctx context.Context, argv []string, root bool, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if len(argv) == 0 {
		return 0, m.failed("run nothing", errors.New("there is nothing to run"))
	}
	step := "run " + argv[0]
	line := "exec " + command(argv...)
	if root && m.target.User != "root" {
		line = "exec sudo -n -- " + command(argv...)
	}
	s, err := m.client.NewSession()
	if err != nil {
		return 0, m.failed(step, fmt.Errorf("%w: %w", hosts.ErrConnection, err))
	}
	defer s.Close()
	s.Stdin, s.Stdout, s.Stderr = stdin, stdout, stderr
	// The user's shell may be any: it only has to find sh.
	code, err := m.finish(ctx, s, func() error { return s.Start("exec " + command("sh", "-c", line)) })
	return code, m.failed(step, err)
}

// A Terminal is the caller's terminal.
type Terminal struct {
	Type          string // $TERM
	Width, Height int    // characters
	Resize        <-chan [2]int
}

// Shell gives the caller a login shell on a terminal of the machine, and
// returns its exit code.
func (m *Machine) Shell(ctx context.Context, terminal Terminal, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	s, err := m.client.NewSession()
	if err != nil {
		return 0, m.failed("open a shell", fmt.Errorf("%w: %w", hosts.ErrConnection, err))
	}
	defer s.Close()
	s.Stdin, s.Stdout, s.Stderr = stdin, stdout, stderr
	if err := s.RequestPty(terminal.Type, terminal.Height, terminal.Width, ssh.TerminalModes{}); err != nil {
		return 0, m.failed("open a terminal", err)
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case size, ok := <-terminal.Resize:
				if !ok {
					return
				}
				_ = s.WindowChange(size[1], size[0])
			case <-over:
				return
			}
		}
	}()
	code, err := m.finish(ctx, s, s.Shell)
	return code, m.failed("open a shell", err)
}

// finish starts a session and waits for its end.
func (m *Machine) finish(ctx context.Context, s *ssh.Session, start func() error) (int, error) {
	if err := start(); err != nil {
		return 0, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	stop := context.AfterFunc(ctx, func() {
		_ = s.Signal(ssh.SIGTERM)
		s.Close()
	})
	defer stop()
	err := s.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		return exit.ExitStatus(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	return 0, nil
}
