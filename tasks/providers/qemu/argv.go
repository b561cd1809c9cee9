package qemu

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// A platform is how QEMU is called for an architecture.
type platform struct {
	program string
	machine string
}

// platformOf returns the platform of this computer: machines have its
// architecture.
func platformOf(arch string) (platform, error) {
	if arch != "amd64" {
		return platform{}, &hinted{
			fmt.Errorf("qemu() makes x86-64 machines on x86-64 computers only, this one is %s", arch),
			"use existing() with a machine that something else runs",
		}
	}
	return platform{program: "qemu-system-x86_64", machine: "pc"}, nil
}

func thisPlatform() (platform, error) { return platformOf(runtime.GOARCH) }

// launch is everything that decides the argv of a machine.
type launch struct {
	platform     platform
	acceleration string // kvm, hvf or tcg
	name, uuid   string
	mac          string
	cpus         int
	memory       int64 // bytes
	dir          string
	socket       string
	tap          string // network interface, "" = user-mode network
	forwards     []forward
}

// argv returns the command that starts the machine. All drives that are
// written to are qcow2, so that a snapshot of the running machine can be
// taken.
func (l launch) argv() []string {
	accel, cpu := l.acceleration, "host"
	if l.acceleration == "tcg" {
		accel, cpu = "tcg,thread=multi", "max"
	}
	in := func(name string) string { return escape(l.dir + "/" + name) }
	return []string{
		l.platform.program,
		"-name", "guest=" + escape(l.name),
		"-uuid", l.uuid,
		"-machine", l.platform.machine,
		"-accel", accel,
		"-cpu", cpu,
		"-smp", strconv.Itoa(l.cpus),
		"-m", fmt.Sprintf("%dM", l.memory>>20),
		"-nodefaults", "-no-user-config",
		"-display", "none", "-vga", "std",
		"-rtc", "base=utc",
		"-device", "virtio-rng-pci",
		"-drive", "if=none,id=disk,format=qcow2,discard=unmap,file=" + in(diskFile),
		"-device", "virtio-blk-pci,drive=disk,bootindex=0,serial=ttd-system",
		"-drive", "if=none,id=data,format=qcow2,discard=unmap,file=" + in(dataFile),
		"-device", "virtio-blk-pci,drive=data,serial=" + dataSerial,
		"-drive", "if=none,id=seed,format=raw,readonly=on,file=" + in(seedFile),
		"-device", "virtio-blk-pci,drive=seed,serial=ttd-seed",
		"-netdev", l.network(),
		"-device", "virtio-net-pci,netdev=net0,mac=" + l.mac,
		"-chardev", "file,id=console,path=" + in(consoleFile),
		"-serial", "chardev:console",
		"-chardev", "socket,id=qmp,server=on,wait=off,path=" + escape(l.socket),
		"-mon", "chardev=qmp,mode=control",
		"-pidfile", l.dir + "/" + pidFile,
	}
}

func (l launch) network() string {
	if l.tap != "" {
		return "tap,id=net0,script=no,downscript=no,ifname=" + l.tap
	}
	var b strings.Builder
	b.WriteString("user,id=net0,ipv6=off")
	for _, f := range l.forwards {
		b.WriteString(",hostfwd=" + f.rule())
	}
	return b.String()
}

// rule is the forward in QEMU's notation.
func (f forward) rule() string {
	return fmt.Sprintf("%s:127.0.0.1:%d-:%d", f.Proto, f.Host, f.Guest)
}

// escape doubles commas, which end a value in QEMU's option lists.
func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }
