package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/torrust/tracker-deployer/internal/ptrace"
)

// Programs that stand beside the real one in PATH while tests run.
const (
	killAt    = "kill-at"
	stopAt    = "stop-at"
	execTrace = "exec-trace"
)

// exitUndisturbed is added to the exit code of a program that ended before its
// turn to be killed came.
const exitUndisturbed = 100

// runKillAt is kill-at N ARGV…: it runs the program and kills it, as kill -9
// does, at the N-th moment at which it could be seen from outside that
// something has changed or is about to: before a frame is written to the
// journal, before a file is synced (a frame is written by then, and so is the
// temporary file that is about to replace another), and before a rename.
// Killed, it exits with 0 and says where; else with 100 and the exit code.
func runKillAt(args []string) int {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	count, where := 0, ""
	tracer := ptrace.Tracer{Syscall: func(c ptrace.Call) bool {
		what := moment(c)
		if what == "" {
			return false
		}
		if count++; count == n {
			where = what
		}
		return count == n
	}}
	cmd := exec.Command(stopAt, args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	status, err := tracer.Run(cmd)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	case status.Signaled():
		fmt.Fprintf(os.Stderr, "killed at %d: before %s\n", n, where)
		return 0
	}
	return exitUndisturbed + status.ExitStatus()
}

// everyMoment calls kill with 1, 2, 3 and so on, several at a time, until it
// reports a program that ended before its turn, and returns the first of those:
// others that were on their way at the time count for nothing. With -short it
// is every twelfth: all of them take minutes.
func everyMoment(t *testing.T, kill func(n int) (killed bool)) int {
	stride := int64(1)
	if testing.Short() {
		stride = 12
	}
	var next atomic.Int64
	var lock sync.Mutex
	last := math.MaxInt
	undisturbed := func(n int) {
		lock.Lock()
		defer lock.Unlock()
		last = min(last, n)
	}
	due := func(n int) bool {
		lock.Lock()
		defer lock.Unlock()
		return n < last && !t.Failed()
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := int(next.Add(stride)); due(n); n = int(next.Add(stride)) {
				if !kill(n) {
					undisturbed(n)
				}
			}
		})
	}
	workers.Wait()
	if !t.Failed() {
		t.Logf("killed at each of %d moments", (last-1)/int(stride))
	}
	return last
}

// runStopAt is stop-at ARGV…: it becomes a program that stops for its tracer
// at the calls that moment tells apart.
func runStopAt(args []string) int {
	err := ptrace.ExecStopping(args, unix.SYS_WRITE, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2)
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// moment says what a call is about to do, "" when nothing that counts.
func moment(c ptrace.Call) string {
	switch c.Number {
	case unix.SYS_WRITE:
		if filepath.Base(c.File(c.Args[0])) == "journal" {
			return "a frame"
		}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		return "sync of " + c.File(c.Args[0])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		return "a rename"
	}
	return ""
}

// runExecTrace is exec-trace FILE ARGV…: it runs the program, writes the
// arguments of everything that it starts to FILE, and hands on its exit code.
func runExecTrace(args []string) int {
	var trace bytes.Buffer
	tracer := ptrace.Tracer{Exec: func(_ int, arguments []byte) { trace.Write(append(arguments, '\n')) }}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	status, err := tracer.Run(cmd)
	if err == nil {
		err = os.WriteFile(args[0], trace.Bytes(), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.Join(args, " "), err)
		return 1
	}
	return status.ExitStatus()
}
