// Command bench measures the program, always beside something else that is
// measured in the same run: a figure is a ratio, and a busy machine is busy
// for both. Nothing here fails on a slow machine; each figure is printed with
// its goal and whether it was reached.
//
// It works in two stages. The first, on the machine as it is, builds the
// program into a directory that it removes, and installs the peers (peers.go)
// into the user's cache. The second runs in namespaces of its own with
// throw-away directories over the system's (sandbox.go), where a real sshd
// listens on a loopback that nothing else reaches. Whatever it starts or
// writes ends with it.
//
// It needs root, or sudo, for the namespaces.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// inside is the argument that tells the second stage from the first.
const inside = "inside"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 4 && args[0] == inside {
		return measureAll(ctx, args[1], args[2], args[3])
	}
	peers, err := installPeers(ctx)
	if err != nil {
		return err
	}
	task, err := installGoTask(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "torrust-tracker-deployer")
	build := visible(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/torrust-tracker-deployer")
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := []string{
		"unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
		self, inside, program, peers, task,
	}
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "--"}, argv...)
	}
	second := visible(ctx, argv[0], argv[1:]...)
	// unshare passes no signals on: the second stage ends when its input does,
	// however this one ended.
	input, err := second.StdinPipe()
	if err != nil {
		return err
	}
	second.Cancel = input.Close
	return second.Run()
}

// visible is a command whose output is for the reader's eyes.
func visible(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// measureAll is the second stage.
func measureAll(ctx context.Context, program, peers, task string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all there is to know
		cancel()
	}()
	s, err := openSandbox(ctx)
	if err != nil {
		return err
	}
	b := &bench{sandbox: s, program: program, peers: peers, task: task}
	for _, step := range []func(context.Context) error{
		b.startup, b.evaluation, b.parallel, b.loopback, b.manyTasks, b.firstBuild, b.adversity, b.growth,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	b.total()
	return nil
}
