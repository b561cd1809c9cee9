// Command bench measures the program, always as a ratio against something
// else that is measured in the same run. Nothing here fails on a slow
// machine: figures are printed beside their goals.
//
// It works in two stages. The first, on the machine as it is, builds the
// program and installs the peers (Ansible and pyinfra, in a Python virtual
// environment in the cache). The second runs in namespaces of its own, with a
// real sshd on its own loopback and throw-away directories over the system's,
// so that what is deployed there touches nothing of this machine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

// inside is the argument that tells the second stage from the first.
const inside = "inside"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == inside {
		return measureAll(ctx, args[1], args[2])
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program := filepath.Join(work, "torrust-tracker-deployer")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/torrust-tracker-deployer")
	if err := stream(build); err != nil {
		return err
	}
	peers := filepath.Join(cache, "torrust-tracker-deployer", "bench", "venv")
	if err := installPeers(ctx, peers); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := []string{"--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", self, inside, work, peers}
	return stream(exec.CommandContext(ctx, "unshare", argv...))
}

// installPeers makes a Python environment with the tools that are measured
// beside the program.
func installPeers(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "bin", "pyinfra")); err == nil {
		return nil
	}
	if err := stream(exec.CommandContext(ctx, "python3", "-m", "venv", dir)); err != nil {
		return fmt.Errorf("python3 -m venv: %w", err)
	}
	pip := filepath.Join(dir, "bin", "pip")
	return stream(exec.CommandContext(ctx, pip, "install", "--quiet", "ansible-core", "pyinfra"))
}

// stream runs a command whose output is for the reader's eyes.
func stream(cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
