package ptrace

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// A watch is a tracer at work.
type watch struct {
	*Tracer
	first  int                // the program that was started, 0 when attached
	known  map[int]bool       // the threads that have been heard of and are traced still
	status syscall.WaitStatus // how the program ended
	over   bool               // it has ended
	killed bool               // because it was killed, or it is about to
}

// untilNothingIsLeft handles what happens until the kernel says that nothing is
// traced any more. What nobody has heard of yet, a child whose parent was
// killed in the moment of its birth, is counted by the kernel as well.
func (w *watch) untilNothingIsLeft() error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case status.Stopped():
			w.known[pid] = true
			err = w.stopped(pid, status)
		default:
			delete(w.known, pid)
			if pid == w.first {
				w.status, w.over = status, true
				err = w.ending()
			}
		}
		if err != nil {
			return err
		}
	}
}

// ending sees to what is left when the program has ended: it is killed as the
// program was, or asked to stop so that it can be let go. Both find it in
// stopped where it is not known yet.
func (w *watch) ending() error {
	for thread := range w.known {
		var err error
		switch {
		case w.killed:
			err = syscall.Kill(thread, syscall.SIGKILL)
		case w.Syscall == nil:
			err = request(unix.PTRACE_INTERRUPT, thread, 0)
		}
		if ended(err) != nil {
			return fmt.Errorf("thread %d of a program that has ended: %w", thread, err)
		}
	}
	return nil
}

// stopped does what is due with a thread that has stopped for some reason.
func (w *watch) stopped(pid int, status syscall.WaitStatus) error {
	signal, event := status.StopSignal(), int(status)>>16
	if event != 0 {
		signal = 0 // it is no signal that was sent
	}
	if event == unix.PTRACE_EVENT_EXEC {
		w.renamed(pid)
	}
	switch {
	case w.killed && w.over:
		return ended(syscall.Kill(pid, syscall.SIGKILL))
	case w.killed:
		return nil // the program is not to see how it goes on, and dies without
	case w.over && w.Syscall == nil:
		delete(w.known, pid)
		return ended(request(unix.PTRACE_DETACH, pid, uintptr(signal)))
	case event == unix.PTRACE_EVENT_SECCOMP && w.Syscall != nil && !w.over && w.deadly(pid):
		return w.kill(pid)
	case event == unix.PTRACE_EVENT_STOP && status.StopSignal() != syscall.SIGTRAP:
		return ended(request(unix.PTRACE_LISTEN, pid, 0)) // it stays stopped
	case event == unix.PTRACE_EVENT_EXEC:
		w.executed(pid)
	}
	return ended(request(unix.PTRACE_CONT, pid, uintptr(signal)))
}

// kill kills the program for what one of its threads is about to do.
func (w *watch) kill(caller int) error {
	if w.first == 0 {
		return ended(syscall.Kill(caller, syscall.SIGKILL))
	}
	w.killed = true
	return ended(syscall.Kill(w.first, syscall.SIGKILL))
}

// renamed forgets the number that a thread had before its exec gave it that of
// its process: it may be the number of somebody else soon.
func (w *watch) renamed(pid int) {
	former, err := syscall.PtraceGetEventMsg(pid)
	if err == nil && int(former) != pid {
		delete(w.known, int(former))
	}
}
