package ptrace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Programs that the test binary is, by its first argument.
const (
	breeding = "breeding" // starts children all the time, see breed
	guarding = "guarding" // traces the breeding program, and kills nothing
)

// breed starts children on several threads, and meanwhile writes a line at a
// time, until its input ends: those that end at once, so that children are
// born at every moment, and with an argument also such that never end.
func breed(args []string) {
	start := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Stdout = os.Stdout
		if cmd.Start() == nil && name == "true" {
			_ = cmd.Wait()
		}
	}
	for range 3 {
		go func() {
			for {
				start("true")
				if len(args) > 0 {
					start("sleep", "1000")
				}
			}
		}()
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		fmt.Println("on")
	}
}

// guard is a tracer that itself is killed in the middle.
func guard() {
	cmd := exec.Command(os.Args[0], stopping, os.Args[0], breeding, "for ever")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	tracer := Tracer{Syscall: func(Call) bool { return false }}
	_, err := tracer.Run(cmd)
	panic(err)
}

// A held is a pipe that a program and all that comes out of it hold open.
type held struct {
	t    *testing.T
	r, w *os.File
}

func hold(t *testing.T) *held {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return &held{t, r, w}
}

// read waits for something to be written.
func (h *held) read() {
	h.t.Helper()
	h.within(20 * time.Second)
	if _, err := h.r.Read(make([]byte, 1)); err != nil {
		h.t.Fatal(err)
	}
}

// end waits until nobody holds the pipe, and returns what was written before.
func (h *held) end(patience time.Duration) string {
	h.t.Helper()
	h.w.Close()
	h.within(patience)
	rest, err := io.ReadAll(h.r)
	if err != nil {
		h.t.Fatalf("somebody holds the pipe still: %v", err)
	}
	return string(rest)
}

func (h *held) within(patience time.Duration) {
	if err := h.r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		h.t.Fatal(err)
	}
}

// TestKillLeavesNothing kills a program that starts children all the time, at
// one moment after another. When Run returns nothing is left of it: in its
// session there is nobody who is more than a zombie that waits for process 1.
func TestKillLeavesNothing(t *testing.T) {
	for n := 1; n <= 60; n++ {
		pipe := hold(t)
		in := hold(t)
		cmd := exec.Command(os.Args[0], stopping, os.Args[0], breeding, "for ever")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in.r, pipe.w, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		count, after := 0, 0
		tracer := Tracer{Syscall: func(c Call) bool {
			if count == n {
				after++
			}
			if c.Number == syscall.SYS_WRITE && c.Args[0] == 1 {
				count++
			}
			return count == n
		}}
		status, err := tracer.Run(cmd)
		if err != nil || !status.Signaled() || status.Signal() != syscall.SIGKILL || after > 0 {
			t.Fatalf("killed at %d: %v, %v, asked %d times after", n, status, err, after)
		}
		if left := session(t, cmd.Process.Pid); len(left) > 0 {
			t.Fatalf("killed at %d: there are still %q", n, left)
		}
		if got := pipe.end(time.Second); strings.Count(got, "on\n") != n-1 {
			t.Errorf("killed at %d, it wrote %d lines", n, strings.Count(got, "on\n"))
		}
		in.w.Close()
	}
}

// session describes the processes of a session that have not ended.
func session(t *testing.T, id int) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest) // the state, the parent, the group, the session
		if fields[3] == strconv.Itoa(id) && fields[0] != "Z" && fields[0] != "X" {
			left = append(left, string(stat))
		}
	}
	return left
}

// TestKilledTracerLeavesNothing kills the tracer while its program starts
// children all the time.
func TestKilledTracerLeavesNothing(t *testing.T) {
	for range 20 {
		out, in := hold(t), hold(t)
		guard := exec.Command(os.Args[0], guarding)
		guard.Stdin, guard.Stdout, guard.Stderr = in.r, out.w, os.Stderr
		killed(t, guard, out)
		out.end(20 * time.Second)
	}
}

// TestKilledExectraceLetsGo kills a tracer that only looks: the program goes
// on, and so do those of its children that were born in that moment.
func TestKilledExectraceLetsGo(t *testing.T) {
	program := build(t)
	for range 20 {
		out, in := hold(t), hold(t)
		tracer := exec.Command(program, os.DevNull, "--", os.Args[0], breeding)
		tracer.Stdin, tracer.Stdout, tracer.Stderr = in.r, out.w, os.Stderr
		killed(t, tracer, out)
		out.read()
		in.r.Close()
		in.w.Close()
		out.end(20 * time.Second)
	}
}

// killed starts a tracer and kills it after a few lines of its program, when a
// child of the program has stopped for it.
func killed(t *testing.T, tracer *exec.Cmd, out *held) {
	t.Helper()
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tracer.Process.Kill(); _ = tracer.Wait() }()
	for range 20 {
		out.read()
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		signal(t, tracer, syscall.SIGSTOP)
		// Where all that are there have ended, or wait for the end of one, no
		// other is born before the tracer has gone on.
		for again := time.Now().Add(30 * time.Millisecond); time.Now().Before(again); {
			if childStopped(t, tracer.Process.Pid) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no child stops for its tracer")
		}
		signal(t, tracer, syscall.SIGCONT)
		out.read()
	}
}

func signal(t *testing.T, cmd *exec.Cmd, signal syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// childStopped reports whether a process has stopped for a tracer that did not
// start it itself.
func childStopped(t *testing.T, tracer int) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		field := func(name string) string {
			_, value, _ := strings.Cut(string(status), "\n"+name+":\t")
			value, _, _ = strings.Cut(value, "\n")
			return value
		}
		_, err = os.Stat(fmt.Sprintf("/proc/%d/task/%s", tracer, field("TracerPid")))
		if err == nil && strings.HasPrefix(field("State"), "t ") && field("PPid") != strconv.Itoa(tracer) {
			return true
		}
	}
	return false
}

// late writes a line when the program, its parent, has ended.
const late = "(exec 2>/dev/null; while kill -0 $$; do :; done; /bin/echo late) & exit 3"

// TestRunWaitsForWhatStops: what comes out of a program and outlives it cannot
// make calls that stop without its tracer, and makes them with it.
func TestRunWaitsForWhatStops(t *testing.T) {
	pipe := hold(t)
	cmd := exec.Command(os.Args[0], stopping, "sh", "-c", late)
	cmd.Stdout, cmd.Stderr = pipe.w, os.Stderr
	tracer := Tracer{Syscall: func(Call) bool { return false }}
	status, err := tracer.Run(cmd)
	if err != nil || status.ExitStatus() != 3 {
		t.Fatalf("%v, %v", status, err)
	}
	if got := pipe.end(time.Second); got != "late\n" {
		t.Errorf("it wrote %q", got)
	}
}

// leaving leaves behind what writes on for as long as its input, and what stops.
const leaving = `exec 4<&0
(while read line; do /bin/echo $line; done) <&4 &
sh -c 'kill -STOP $$; /bin/echo woken' &
exit 3
`

// TestRunLetsGo traces a program that leaves others behind, in this process, which
// goes on and so lets nothing go by its own end.
func TestRunLetsGo(t *testing.T) {
	out, in := hold(t), hold(t)
	cmd := exec.Command("sh", "-c", leaving)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in.r, out.w, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	tracer := Tracer{}
	status, err := tracer.Run(cmd)
	if err != nil || status.ExitStatus() != 3 {
		t.Fatalf("%v, %v", status, err)
	}
	if _, err := io.WriteString(in.w, "one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	in.w.Close()
	in.r.Close()
	woken(t, cmd.Process.Pid)
	if got := out.end(20 * time.Second); !strings.Contains(got, "one\ntwo\n") || !strings.Contains(got, "woken\n") {
		t.Errorf("it wrote %q", got)
	}
}

// woken wakes the one process of a session that has stopped itself.
func woken(t *testing.T, id int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, stat := range session(t, id) {
			pid, rest, _ := strings.Cut(stat, " ")
			_, rest, _ = strings.Cut(rest, ") ")
			number, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(rest, "T ") {
				if err := syscall.Kill(number, syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatalf("nobody in session %d has stopped", id)
}
