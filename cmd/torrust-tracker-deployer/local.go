package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/torrust/tracker-deployer/tasks/cache"
)

// grace is how long a task that is ended may take to tidy up.
const grace = 2 * time.Second

// files opens the project for the cache: its files, and the programs in PATH.
func (d *deployment) files() (*cache.Tree, error) {
	return cache.Open(d.root, d.program.getenv("PATH"))
}

// runLocally runs an argv of a user's task in the project's root, with PATH,
// HOME and what the task declares as its whole environment, and with input to
// read. The command has a process group of its own: an interrupt of the
// terminal is for this program to handle, and whatever the command started is
// ended with it when ctx ends.
func (d *deployment) runLocally(ctx context.Context, argv, env []string, input []byte, output io.Writer) error {
	program, err := d.engine.Files.Tool(argv[0])
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Path, cmd.Args, cmd.Dir, cmd.Err = program, argv, d.root, nil // a path is meant from the root
	cmd.Env = append(d.inherited(), env...)
	cmd.Stdout, cmd.Stderr = output, output
	if len(input) > 0 {
		cmd.Stdin = bytes.NewReader(input)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err = cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return errors.New("it has ended and left a process behind that keeps its output open")
	}
	return err
}

// inherited returns what every task has of the operator's environment.
func (d *deployment) inherited() []string {
	list := make([]string, 0, 8)
	for _, name := range []string{"PATH", "HOME"} {
		if v, ok := d.program.Getenv(name); ok {
			list = append(list, name+"="+v)
		}
	}
	return list
}
