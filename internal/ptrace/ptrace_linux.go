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
	// [ExecStopping], as long as the program of Run has not ended; true kills
	// the program instead and, when it is dead and cannot see it, all that came
	// out of it. Attached to processes, true kills the one that calls. Nil lets
	// them go on.
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

// Run starts cmd, which is not started yet and whose streams are files, and
// returns how it ended. Then nothing is traced any more: after a kill all that
// came out of cmd is dead. Else, with Syscall, Run has waited until it ended,
// because calls that stop for a tracer fail without one, and without Syscall
// it was let go. When this process ends before, it is killed, or let go
// without Syscall.
//
// Run waits for children of its thread: nothing else in this process may have
// any meanwhile.
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
	w := &watch{Tracer: t, first: pid, known: map[int]bool{pid: true}}
	err := t.begin(pid)
	if err == nil {
		err = w.untilNothingIsLeft()
	}
	if err != nil {
		w.killed = true
		return 0, errors.Join(fmt.Errorf("trace %s: %w", cmd.Path, err), ended(syscall.Kill(pid, syscall.SIGKILL)), w.untilNothingIsLeft())
	}
	return w.status, nil
}

// begin seizes a process that has asked to be traced and has stopped at its
// exec. What comes out of a process that is only traced at its own wish begins
// with a SIGSTOP of its own, and stays stopped for ever when the tracer is gone
// before it arrives; out of one that was seized, with a stop that ends with the
// tracer. Nobody can seize what is traced: between the two it is stopped.
func (t *Tracer) begin(pid int) error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, unix.WALL, nil); err != nil {
		return err
	}
	t.executed(pid)
	if err := request(unix.PTRACE_DETACH, pid, uintptr(syscall.SIGSTOP)); err != nil {
		return err
	}
	own := uintptr(options)
	if t.Syscall != nil {
		own |= unix.PTRACE_O_EXITKILL
	}
	if err := request(unix.PTRACE_SEIZE, pid, own); err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGCONT)
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
			if err := request(unix.PTRACE_SEIZE, thread, options); err != nil {
				return fmt.Errorf("trace process %d: %w", pid, err)
			}
			known[thread] = true
		}
	}
	return (&watch{Tracer: t, known: known}).untilNothingIsLeft()
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

// executed tells of a process that has become another program.
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

// request makes a request of ptrace(2) about a thread.
func request(what, thread int, data uintptr) error {
	if _, _, e := unix.Syscall6(unix.SYS_PTRACE, uintptr(what), uintptr(thread), 0, data, 0, 0); e != 0 {
		return e
	}
	return nil
}

// ended is err, but that something was killed meanwhile is none.
func ended(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
