// Package qemu is the provider of virtual machines on the operator's own
// computer. It needs QEMU and, with the network that is the default, neither
// root nor a daemon.
//
// Everything of a machine is in one directory, DataHome/vms/ENVIRONMENT/HOST:
//
//	state.json   what it was made from, its ports, the argv it was last started with
//	disk.qcow2   the system disk, an overlay over the image, which is never written to
//	data.qcow2   the data disk, which outlives the system disk
//	seed.iso     what cloud-init does on first boot (NoCloud)
//	console.log  the serial console since the last start
//	qemu.log     what QEMU itself said
//	qmp.sock     QEMU's control socket; qemu.pid its process id
//
// The process is not our child once we end: it has a session of its own, and
// is found again by a uuid in its arguments that follows from the directory.
// A process id alone is never believed.
//
// A machine comes to be in steps that each leave something to go on from:
// what is about to be made is in state.json first, files appear by rename, the
// host key is pinned before the seed holds it. So Ensure after a crash at any
// moment does the rest, and never makes a second machine.
package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// Keys hold what a machine is entered with and known by.
type Keys interface {
	ClientKey(host string, create bool) (ssh.Signer, error)
	Pins(host string) ([]ssh.PublicKey, error)
	Pin(host string, keys ...ssh.PublicKey) error
}

// Config says what the provider needs to know. Paths are absolute.
type Config struct {
	Environment string // id, a directory name
	DataHome    string // $XDG_DATA_HOME/torrust-tracker-deployer
	CacheHome   string // $XDG_CACHE_HOME/torrust-tracker-deployer
	Root        string // project root, for relative image paths
	Keys        Keys
	// Ports returns the ports of a host that must be reachable, beside that
	// of ssh. Nil is none.
	Ports func(host string) []ForwardPort
}

// A ForwardPort is a port of a machine.
type ForwardPort struct {
	Proto string // tcp or udp
	Port  int
}

// String returns "udp 6969".
func (p ForwardPort) String() string { return p.Proto + " " + strconv.Itoa(p.Port) }

// A Provider looks after the virtual machines of one environment.
type Provider struct{ config Config }

// New returns the provider.
func New(config Config) *Provider { return &Provider{config: config} }

// vm is one machine while something is done with it.
type vm struct {
	*Provider
	host  environments.Host
	spec  *environments.QEMU
	dir   string
	state *state
}

// open returns the machine of host with its state as it is on disk.
func (p *Provider) open(host environments.Host) (*vm, error) {
	if host.Provider.QEMU == nil {
		return nil, fmt.Errorf("vm %q: provider is %q, not qemu", host.Name, host.Provider.Kind())
	}
	v := &vm{Provider: p, host: host, spec: host.Provider.QEMU, dir: p.Directory(host.Name)}
	var err error
	v.state, err = readState(v.dir)
	return v, v.wrap(err)
}

// lock returns the machine under the lock of its directory, which is made
// when it is missing. It waits for another run until ctx ends.
func (p *Provider) lock(ctx context.Context, host environments.Host) (*vm, func(), error) {
	unlock, err := durable.MakeAndLock(ctx, p.Directory(host.Name), 0o700)
	if err != nil {
		return nil, nil, fmt.Errorf("vm %q: %w", host.Name, err)
	}
	v, err := p.open(host)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return v, unlock, nil
}

// Directory returns where everything of a host's machine is kept.
func (p *Provider) Directory(host string) string {
	return filepath.Join(p.config.DataHome, "vms", p.config.Environment, host)
}

// Console returns the last lines of a machine's serial console since it was
// started; nil when there is none.
func (p *Provider) Console(host string, lines int) ([]string, error) {
	return lastLines(filepath.Join(p.Directory(host), consoleFile), lines)
}

func (v *vm) path(name string) string { return filepath.Join(v.dir, name) }

func (v *vm) has(name string) bool {
	_, err := os.Stat(v.path(name))
	return err == nil
}

// wrap puts the machine's name before err, once.
func (v *vm) wrap(err error) error {
	var named *machineError
	if err == nil || errors.As(err, &named) {
		return err
	}
	return &machineError{host: v.host.Name, cause: err}
}

// machineError is an error with the machine's name. It hands on the hint of
// its cause.
type machineError struct {
	host  string
	cause error
}

func (e *machineError) Error() string { return fmt.Sprintf("vm %q: %v", e.host, e.cause) }
func (e *machineError) Unwrap() error { return e.cause }

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Unwrap() error { return e.error }

// sshPort is the port of sshd on the machine.
func (v *vm) sshPort() int { return cmp.Or(v.host.SSHPort, 22) }

// ports returns everything that must be reachable, ssh first, each once.
func (v *vm) ports() []ForwardPort {
	all := []ForwardPort{{Proto: "tcp", Port: v.sshPort()}}
	if v.config.Ports == nil {
		return all
	}
	seen := map[ForwardPort]bool{all[0]: true}
	for _, p := range v.config.Ports(v.host.Name) {
		if !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}

// Stop shuts the machine down as its power button would and waits for its end;
// one that does not listen within two minutes is switched off. Disks and ports
// stay as they are. A machine that does not run is fine.
func (p *Provider) Stop(ctx context.Context, host environments.Host) error {
	if v, err := p.open(host); err != nil || v.state.format() == 0 {
		return err // nothing to lock
	}
	v, unlock, err := p.lock(ctx, host)
	if err != nil {
		return err
	}
	defer unlock()
	return v.wrap(v.shutdown(ctx))
}

var _ tasks.Provider = (*Provider)(nil)
