package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	pollEvery    = 50 * time.Millisecond
	startWithin  = 30 * time.Second
	stopWithin   = 2 * time.Minute
	pressAgain   = 2 * time.Second // a machine that is booting ignores its power button
	killedWithin = 10 * time.Second
)

// process returns the pid of the machine's process, 0 for none. The pid file
// is tried first; what counts is the uuid in the process's arguments.
func (v *vm) process(ctx context.Context) (int, error) {
	if content, err := os.ReadFile(v.path(pidFile)); err == nil {
		pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err == nil && v.owns(arguments(pid)) {
			return pid, nil
		}
	}
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		return v.processByPS(ctx)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && v.owns(arguments(pid)) {
			return pid, nil
		}
	}
	return 0, nil
}

// arguments returns the arguments of a process, nil when it is gone or its
// arguments are not to be had.
func arguments(pid int) []string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return strings.Split(string(content), "\x00")
}

// owns reports whether args are those of this machine's process.
func (v *vm) owns(args []string) bool {
	i := slices.Index(args, "-uuid")
	return i > 0 && i+1 < len(args) && args[i+1] == v.uuid() &&
		strings.HasPrefix(filepath.Base(args[0]), "qemu-system-")
}

// processByPS finds the process where there is no /proc.
func (v *vm) processByPS(ctx context.Context) (int, error) {
	out, err := exec.CommandContext(ctx, "ps", "-axww", "-o", "pid=,args=").Output()
	if err != nil {
		return 0, fmt.Errorf("ps: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && v.owns(fields[1:]) {
			return strconv.Atoi(fields[0])
		}
	}
	return 0, nil
}

// start runs argv as a process that outlives this one, and returns when the
// machine runs. One that ends before is an error with what QEMU said and the
// end of the console.
func (v *vm) start(ctx context.Context, argv []string) error {
	for _, stale := range []string{socketFile, pidFile, consoleFile} {
		if err := os.Remove(v.path(stale)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	log, err := os.OpenFile(v.path(logFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = v.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return needed(argv[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	return v.awaitRunning(ctx, ended)
}

// awaitRunning returns when QEMU says that the machine runs. Ended, which may
// be nil, tells that its process is over.
func (v *vm) awaitRunning(ctx context.Context, ended <-chan error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := errors.New("no control socket yet")
	for {
		select {
		case err := <-ended:
			return v.diedStarting(err)
		case <-ctx.Done():
			return fmt.Errorf("qemu does not run the machine: %w (%w)", last, ctx.Err())
		case <-tick.C:
		}
		last = v.ask(ctx, func(m *monitor) error {
			status, err := m.status()
			if err == nil && status == "paused" { // as a snapshot may have left it
				err = m.do("cont", nil, nil)
			}
			if err == nil && status != "running" {
				err = fmt.Errorf("it is %s", status)
			}
			return err
		})
		if last == nil {
			return nil
		}
	}
}

func (v *vm) diedStarting(cause error) error {
	text := "qemu ended at once"
	if cause != nil {
		text += " (" + cause.Error() + ")"
	}
	for _, part := range []struct{ title, file string }{{"it said", logFile}, {"the end of its console", consoleFile}} {
		if lines, err := lastLines(v.path(part.file), 10); err == nil && len(lines) > 0 {
			text += "\n" + part.title + ":\n  " + strings.Join(lines, "\n  ")
		}
	}
	return errors.New(text)
}

// shutdown presses the power button until the machine is off, or switches it
// off when it does not listen.
func (v *vm) shutdown(ctx context.Context) error {
	deadline := time.Now().Add(stopWithin)
	for time.Now().Before(deadline) {
		err := v.ask(ctx, func(m *monitor) error { return m.do("system_powerdown", nil, nil) })
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // nobody there, or QEMU does not answer
			break
		}
		gone, err := v.awaitGone(ctx, min(pressAgain, time.Until(deadline)))
		if err != nil || gone {
			return err
		}
	}
	return v.kill(ctx)
}

// kill ends the machine's process: QEMU closes its disks, the machine is not
// asked.
func (v *vm) kill(ctx context.Context) error {
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		pid, err := v.process(ctx)
		if err != nil || pid == 0 {
			return err
		}
		if err := syscall.Kill(pid, end); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end process %d: %w", pid, err)
		}
		if gone, err := v.awaitGone(ctx, killedWithin); err != nil || gone {
			return err
		}
	}
	return errors.New("its process does not end")
}

// awaitGone reports whether the machine's process ended within a time.
func (v *vm) awaitGone(ctx context.Context, within time.Duration) (bool, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		pid, err := v.process(ctx)
		if err != nil || pid == 0 {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-end.C:
			return false, nil
		case <-tick.C:
		}
	}
}

// run carries out a program that ends by itself.
func run(ctx context.Context, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return out, needed(argv[0], err)
}

// needed adds to the error of a program that is not installed where it comes
// from.
func needed(program string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return &hinted{fmt.Errorf("%s is not installed", program),
			"install QEMU: apt install qemu-system-x86 qemu-utils, or brew install qemu"}
	}
	return fmt.Errorf("%s: %w", program, err)
}

// maxTail is how much of a file's end is looked at for its last lines.
const maxTail = 64 << 10

// lastLines returns the last n lines of a file, without carriage returns; nil
// when there is no file.
func lastLines(path string, n int) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxTail {
		if _, err := f.Seek(-maxTail, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(content), "\r", ""))
	if text == "" {
		return nil, nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):], nil
}
