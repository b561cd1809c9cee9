package lab

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// emptyMachine is a real QEMU whose processor never starts: enough for all
// that goes on between it and its monitor.
func emptyMachine(t *testing.T) Machine {
	t.Helper()
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk.qcow2")
	if out, err := exec.CommandContext(t.Context(), "qemu-img", "create", "-q", "-f", "qcow2", disk, "1M").CombinedOutput(); err != nil {
		t.Fatalf("qemu-img: %v\n%s", err, out)
	}
	socket := filepath.Join(dir, "qmp")
	return Machine{Socket: socket, Argv: []string{
		"qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "tcg", "-m", "4", "-S",
		"-drive", "file=" + disk + ",if=virtio",
		"-qmp", "unix:" + socket + ",server=on,wait=off",
	}}
}

func start(t *testing.T, m Machine) *VM {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	vm, err := StartVM(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vm.Kill)
	return vm
}

func TestSnapshotOutlivesItsProcess(t *testing.T) {
	m := emptyMachine(t)
	first := start(t, m)
	if err := first.Save(t.Context(), "booted"); err != nil {
		t.Fatal(err)
	}
	if err := first.Load(t.Context(), "booted"); err != nil {
		t.Error(err)
	}
	if err := first.Load(t.Context(), "never"); err == nil || !strings.Contains(err.Error(), "never") {
		t.Errorf("a snapshot that is not there: %v", err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-first.Exited():
	default:
		t.Error("the machine is still there")
	}

	m.Snapshot = "booted"
	second := start(t, m)
	said, err := second.Monitor(t.Context(), "info snapshots")
	if err != nil || !strings.Contains(said, "booted") {
		t.Errorf("snapshots: %q, %v", said, err)
	}
}

func TestMachineThatDoesNotStart(t *testing.T) {
	m := emptyMachine(t)
	m.Argv = append(m.Argv, "-no-such-option")
	_, err := StartVM(t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), "the machine ended") || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("error %v", err)
	}
}

func TestMonitorCommands(t *testing.T) {
	vm := start(t, emptyMachine(t))
	answer, err := vm.Execute(t.Context(), "query-status", nil)
	if err != nil || !strings.Contains(string(answer), `"prelaunch"`) {
		t.Errorf("status %s, %v", answer, err)
	}
	if _, err := vm.Execute(t.Context(), "no-such-command", nil); err == nil || !strings.Contains(err.Error(), `"no-such-command"`) {
		t.Errorf("unknown command: %v", err)
	}
	// Events arrive before answers and are not taken for them.
	for _, command := range []string{"system_reset", "cont", "stop"} {
		if _, err := vm.Execute(t.Context(), command, nil); err != nil {
			t.Error(err)
		}
	}
	if answer, err := vm.Execute(t.Context(), "query-status", nil); err != nil || !strings.Contains(string(answer), `"paused"`) {
		t.Errorf("status %s, %v", answer, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := vm.Execute(ctx, "query-status", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled command: %v", err)
	}
}
