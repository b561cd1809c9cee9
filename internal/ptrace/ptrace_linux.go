// Package ptrace watches processes from outside, by ptrace(2), for tests that
// ask what a program does rather than what it says: every argument of every
// process it starts, and what is left when it dies in the middle.
//
// It is used instead of strace for two reasons. strace counts the calls at
// which it injects a fault by thread, so that it cannot kill a Go program at
// the N-th call of all; and on a machine that is already running it stops
// every process at every system call, where stops at fork and exec are enough.
package ptrace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Tracer says what to do with the processes that it is put on and all that
// come out of them.
type Tracer struct {
	// Syscall is called before each system call that processes stop at, see
	// [ExecStopping]; true kills the process instead. Nil lets them go on.
	Syscall func(Call) bool
	// Exec is called when a process has become another program, with the
	// arguments as the kernel keeps them: each ends with a NUL. Nil ignores it.
	Exec func(pid int, arguments []byte)
}

// A Call is a system call that is about to begin.
type Call struct {
	Thread int
	Number uint64
	Args   [6]uint64
}

// File returns what a file descriptor of the calling process is, "" when it
// is none.
func (c Call) File(fd uint64) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.Thread, fd))
	if err != nil {
		return ""
	}
	return name
}

// options make everything that comes out of a traced process traced too.
const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP

// Run starts cmd, which is not started yet, and returns how it ended. It waits
// for children of this process: nothing else in it may start any meanwhile.
func (t *Tracer) Run(cmd *exec.Cmd) (syscall.WaitStatus, error) {
	runtime.LockOSThread() // ptrace(2) knows one thread as the tracer
	defer runtime.UnlockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return 0, fmt.Errorf("wait for %s: %w", cmd.Path, err)
	}
	if err := syscall.PtraceSetOptions(pid, options); err != nil {
		return 0, fmt.Errorf("trace %s: %w", cmd.Path, err)
	}
	t.executed(pid)
	if err := resume(pid, 0); err != nil {
		return 0, err
	}
	return t.watch(pid, map[int]bool{pid: true})
}

// Attach traces running processes until they and all that came out of them
// have ended. When the tracer itself ends, they go on.
func (t *Tracer) Attach(pids ...int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	known := map[int]bool{}
	for _, pid := range pids {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return err
		}
		for _, entry := range threads {
			thread, err := strconv.Atoi(entry.Name())
			if err != nil {
				return err
			}
			if _, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(thread), 0, options, 0, 0); e != 0 {
				return fmt.Errorf("trace process %d: %w", pid, e)
			}
			known[thread] = true
		}
	}
	_, err := t.watch(0, known)
	return err
}

// watch handles stops until the process first has ended, or with 0 until
// nothing is left.
func (t *Tracer) watch(first int, known map[int]bool) (syscall.WaitStatus, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ECHILD) && first == 0:
			return 0, nil
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case status.Exited(), status.Signaled():
			delete(known, pid)
			if pid == first {
				return status, nil
			}
			continue
		}
		if err := t.stopped(pid, status, known); err != nil {
			return 0, err
		}
	}
}

// stopped lets a process go on that has stopped for some reason.
func (t *Tracer) stopped(pid int, status syscall.WaitStatus, known map[int]bool) error {
	fresh := !known[pid]
	known[pid] = true
	signal := status.StopSignal()
	event := int(status) >> 16
	switch {
	case event == unix.PTRACE_EVENT_SECCOMP:
		if t.Syscall != nil && t.deadly(pid) {
			return ended(syscall.Kill(pid, syscall.SIGKILL))
		}
		return resume(pid, 0)
	case event == unix.PTRACE_EVENT_STOP && signal != syscall.SIGTRAP:
		_, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_LISTEN, uintptr(pid), 0, 0, 0, 0) // it stays stopped
		if e == 0 {
			return nil
		}
		return ended(e)
	case event == unix.PTRACE_EVENT_EXEC:
		t.executed(pid)
		return resume(pid, 0)
	case event != 0, fresh && signal == syscall.SIGSTOP: // the stop with which a child begins
		return resume(pid, 0)
	}
	return resume(pid, signal)
}

// deadly asks about the call that a thread is about to begin.
func (t *Tracer) deadly(thread int) bool {
	var info struct {
		op     uint8
		_      [3]uint8
		arch   uint32
		ip, sp uint64
		number uint64
		args   [6]uint64
	}
	_, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return e == 0 && t.Syscall(Call{thread, info.number, info.args})
}

func (t *Tracer) executed(pid int) {
	if t.Exec == nil {
		return
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil { // it was killed in this moment
		arguments = []byte("(" + err.Error() + ")\x00")
	}
	t.Exec(pid, bytes.Clone(arguments))
}

// resume lets a thread go on, with a signal where it stopped for one. One that
// was killed meanwhile is no error.
func resume(pid int, signal syscall.Signal) error {
	return ended(syscall.PtraceCont(pid, int(signal)))
}

func ended(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
