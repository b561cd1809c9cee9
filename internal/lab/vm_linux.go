package lab

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
)

// Machine says how a virtual machine is started.
type Machine struct {
	// Argv is a QEMU that stays in the foreground and listens for QMP on
	// Socket. For snapshots every disk that is written to must be qcow2.
	Argv []string
	// Socket is the path of the Unix socket: at most 107 bytes.
	Socket string
	// Network is where the QEMU runs, so that it finds its tap; nil is the
	// network of this process.
	Network *Network
	// Snapshot is the name that [VM.Save] gave to the state to start from; ""
	// starts the machine cold. The disks must be those of the machine that was
	// saved, or copies.
	Snapshot string
}

// VM is a running QEMU. It ends with [VM.Stop] or [VM.Kill], and at the latest
// with this process.
type VM struct {
	*QMP
	cmd    *exec.Cmd
	said   *tail
	exited chan struct{}
	err    error // of the process; valid once exited is closed
}

// StartVM starts a machine and waits until its monitor answers; how far the
// guest is by then is another question, see [Guest.Connect]. ctx bounds the
// start only.
func StartVM(ctx context.Context, m Machine) (*VM, error) {
	argv := slices.Clone(m.Argv)
	if m.Snapshot != "" {
		argv = append(argv, "-loadvm", m.Snapshot)
	}
	if m.Network != nil {
		argv = m.Network.Command(argv...)
	}
	v := &VM{cmd: exec.Command(argv[0], argv[1:]...), said: &tail{max: 4000}, exited: make(chan struct{})}
	v.cmd.Stdout, v.cmd.Stderr = v.said, v.said
	// A test that dies leaves no machine behind.
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		v.err = v.cmd.Wait()
		close(v.exited)
	}()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-v.exited:
			cancel(errors.New("the machine ended"))
		case <-ctx.Done():
		}
	}()
	q, err := DialQMP(ctx, m.Socket)
	if err != nil {
		v.kill()
		return nil, commandError(m.Argv[0], err, v.said.String())
	}
	v.QMP = q
	return v, nil
}

// PID is the process that was started.
func (v *VM) PID() int { return v.cmd.Process.Pid }

// Exited is closed when the QEMU has ended, for whatever reason.
func (v *VM) Exited() <-chan struct{} { return v.exited }

// Save keeps the whole state of the machine, memory and disks, in its disks.
// The machine stands still meanwhile and goes on afterwards.
func (v *VM) Save(ctx context.Context, snapshot string) error {
	return v.quietly(ctx, "savevm "+snapshot)
}

// Load brings the machine back to a state that was saved. Its clock is that of
// then: see [SetClock]. Connections to it are gone.
func (v *VM) Load(ctx context.Context, snapshot string) error {
	return v.quietly(ctx, "loadvm "+snapshot)
}

// Stop ends the QEMU as pulling the plug does, but with its disks written.
func (v *VM) Stop(ctx context.Context) error {
	// The answer may get lost as the process goes; what counts is that it goes.
	_, err := v.Execute(ctx, "quit", nil)
	select {
	case <-v.exited:
		v.QMP.Close()
		if v.err != nil {
			return commandError(v.cmd.Path, v.err, v.said.String())
		}
		return nil
	case <-ctx.Done():
		v.Kill()
		return fmt.Errorf("machine killed, it did not end: %w", errors.Join(err, context.Cause(ctx)))
	}
}

// Kill ends the QEMU at once and waits until it is gone.
func (v *VM) Kill() {
	v.kill()
	v.QMP.Close()
}

func (v *VM) kill() {
	v.cmd.Process.Kill() // says at worst that it has ended
	<-v.exited
}
