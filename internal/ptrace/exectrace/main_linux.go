// Command exectrace writes the arguments of every program that processes
// start to a file: those of a command that it runs, whose exit code it hands
// on, or those of running processes and all that come out of them, until it
// is ended.
//
//	exectrace FILE -- ARGV…
//	exectrace FILE PID…
//
// A record is the arguments, each followed by a NUL, and a newline. A process is
// traced from when TracerPid in its /proc/PID/status is not 0.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/torrust/tracker-deployer/internal/ptrace"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "exectrace:", err)
		code = 1
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	if len(args) < 2 {
		return 2, fmt.Errorf("usage: exectrace FILE -- ARGV… | exectrace FILE PID…")
	}
	file, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return 1, err
	}
	var lost error
	tracer := &ptrace.Tracer{Exec: func(_ int, arguments []byte) {
		if _, err := file.Write(append(arguments, '\n')); err != nil {
			lost = err
		}
	}}
	if args[1] == "--" {
		cmd := exec.Command(args[2], args[3:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		status, err := tracer.Run(cmd)
		if err != nil || lost != nil {
			return 1, fmt.Errorf("%v, %v", err, lost)
		}
		if status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return status.ExitStatus(), nil
	}
	var pids []int
	for _, arg := range args[1:] {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			return 2, err
		}
		pids = append(pids, pid)
	}
	if err := tracer.Attach(pids...); err != nil {
		return 1, err
	}
	return 0, lost
}
