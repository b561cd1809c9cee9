package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

const (
	probeWithin = 6 * time.Second
	// probeExit is QEMU's exit status after the probe wrote its byte to the
	// debug-exit device: twice the byte, plus one.
	probeByte = 0x10
	probeExit = probeByte<<1 | 1
	probeFile = "qemu-acceleration.json"
)

// bootSector is a guest of eighteen bytes: it counts down from 67 million, writes
// a byte to port 0xf4 and waits for the end. That QEMU ends with this byte
// proves that a processor has gone through the firmware and our code, and the
// time that it was a real one: counting takes a tenth of a second, and minutes
// where a /dev/kvm is there whose every instruction is interpreted.
func bootSector() []byte {
	sector := make([]byte, 512)
	copy(sector, []byte{
		0x66, 0xb9, 0x00, 0x00, 0x00, 0x04, // mov ecx, 0x4000000
		0x66, 0x49, //                         dec ecx
		0x75, 0xfc, //                         jnz to dec
		0xb0, probeByte, //                    mov al, 0x10
		0xe6, 0xf4, //                         out 0xf4, al
		0xfa, 0xf4, //                         cli; hlt
		0xeb, 0xfd, //                         jmp to hlt
	})
	sector[510], sector[511] = 0x55, 0xaa
	return sector
}

// probeArgv returns the command that runs the boot sector in file.
func probeArgv(p platform, acceleration, file string) []string {
	return []string{
		p.program, "-accel", acceleration, "-machine", p.machine, "-m", "16M",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
		"-drive", "if=ide,format=raw,readonly=off,snapshot=on,file=" + escape(file),
	}
}

// acceleration returns kvm or hvf where that really runs a guest, else tcg,
// which is emulation. The answer is remembered for this QEMU on this kernel
// until the computer boots again.
func (p *Provider) acceleration(ctx context.Context, on platform, progress func(string)) (string, error) {
	candidate, why := candidate()
	if candidate == "" {
		progress("no hardware acceleration (" + why + "): the machine is emulated, which is slow")
		return "tcg", nil
	}
	key, err := probeKey(ctx, on)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(p.config.CacheHome, 0o755); err != nil {
		return "", err
	}
	unlock, err := durable.Lock(ctx, p.config.CacheHome)
	if err != nil {
		return "", err
	}
	defer unlock()
	file := filepath.Join(p.config.CacheHome, probeFile)
	known := map[string]string{}
	if content, err := os.ReadFile(file); err == nil && json.Unmarshal(content, &known) == nil && known[key] != "" {
		return announce(candidate, known[key], progress), nil
	}
	progress("trying " + candidate)
	verdict, err := probe(ctx, on, candidate)
	if err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]string{key: verdict})
	if err != nil {
		return "", err
	}
	if err := durable.WriteFile(file, content, 0o644); err != nil {
		return "", err
	}
	return announce(candidate, verdict, progress), nil
}

// worked is the verdict on an acceleration that runs a guest; any other is the
// reason why it does not.
const worked = "works"

func announce(candidate, verdict string, progress func(string)) string {
	if verdict == worked {
		return candidate
	}
	progress(fmt.Sprintf("%s does not run a guest here (%s): the machine is emulated, which is slow", candidate, verdict))
	return "tcg"
}

// candidate returns the acceleration that this system may have, or why it has
// none.
func candidate() (name, why string) {
	if runtime.GOOS == "darwin" {
		return "hvf", ""
	}
	err := unix.Access("/dev/kvm", unix.R_OK|unix.W_OK)
	switch {
	case err == nil:
		return "kvm", ""
	case errors.Is(err, unix.ENOENT):
		return "", "there is no /dev/kvm"
	default:
		return "", fmt.Sprintf("/dev/kvm: %v, is the user in the group kvm?", err)
	}
}

// probe runs the boot sector and returns a verdict.
func probe(ctx context.Context, on platform, acceleration string) (string, error) {
	dir, err := os.MkdirTemp("", "ttd-probe")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "boot")
	if err := os.WriteFile(file, bootSector(), 0o600); err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	argv := probeArgv(on, acceleration, file)
	out, err := exec.CommandContext(limited, argv[0], argv[1:]...).CombinedOutput()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == probeExit:
		return worked, nil
	case limited.Err() != nil:
		return fmt.Sprintf("a guest that needs a moment is not done after %s", probeWithin), nil
	case err == nil:
		return "the guest ends without a word", nil
	case exit == nil:
		return "", needed(argv[0], err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(err.Error() + " " + first), nil
}

// probeKey is what a verdict depends on.
func probeKey(ctx context.Context, on platform) (string, error) {
	out, err := run(ctx, on.program, "--version")
	if err != nil {
		return "", err
	}
	version, _, _ := strings.Cut(string(out), "\n")
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // not on every system
	return fmt.Sprintf("%s, %s %s, %s", version, unix.ByteSliceToString(name.Sysname[:]),
		unix.ByteSliceToString(name.Release[:]), strings.TrimSpace(string(boot))), nil
}
