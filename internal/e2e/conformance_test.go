package e2e

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/internal/lab"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/conformance"
	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// The machine of the tests passes what of the suite for every implementation
// of the seam needs a real machine: systemd, a kernel of its own, and
// containers that are pulled and run. The rest runs on OpenSSH in a namespace,
// beside the implementation.
func TestTheMachineConforms(t *testing.T) {
	w := enter(t, deployed)
	target, err := w.target()
	if err != nil {
		t.Fatal(err)
	}
	conformance.Run(t, func(t *testing.T) hosts.Machine {
		m, err := remote.Dial(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := m.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // a case may have closed it
				t.Error(err)
			}
		})
		return m
	}, conformance.Options{
		Commands: true, Accounts: true, Kernel: true, Nftables: true, Systemd: true,
		Revert: 20 * time.Second, Docker: true, Image: lab.ListenerName,
		Without: []string{"files", "directories", "secrets", "manifest", "releases", "locks", "failures", "commands"},
	})
}

// target reaches the machine as the program does: with the key and the pins
// of the environment.
func (w *world) target() (remote.Target, error) {
	v, err := vault.Open(vault.Options{
		AgeFile: w.path("project/environments/lab.age"), KnownHosts: w.path("project/environments/lab.known_hosts"),
		KeyFile: w.path("xdg_config_home/torrust-tracker-deployer/age.key"), Stderr: os.Stderr,
	})
	if err != nil {
		return remote.Target{}, err
	}
	key, err := v.ClientKey("web", false)
	if err != nil {
		return remote.Target{}, err
	}
	pins, err := v.Pins("web")
	if err != nil {
		return remote.Target{}, err
	}
	if len(pins) == 0 {
		return remote.Target{}, errors.New("no host key of the machine is pinned")
	}
	address := net.JoinHostPort(machine4, "22")
	return remote.Target{
		Host: "web", Address: address, User: "torrust", Signers: []ssh.Signer{key}, HostKeys: pins, Environment: "lab-e2e",
		Connect: func(ctx context.Context) (net.Conn, error) { return w.network.DialContext(ctx, "tcp", address) },
	}, nil
}
