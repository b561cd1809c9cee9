package main

import (
	"context"
	"fmt"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
	simulatedhost "github.com/torrust/tracker-deployer/tasks/hosts/simulated"
	"golang.org/x/crypto/ssh"
)

// patience is how long a machine that runs may take to answer on ssh. The
// first boot of an emulated one takes minutes.
const patience = 15 * time.Minute

// connect opens a running machine. One that was just started is waited for.
func (d *deployment) connect(ctx context.Context, h environments.Host, s tasks.Status, progress func(string)) (hosts.Machine, error) {
	if r := d.program.Rehearsal; r.stands(h) {
		return r.machine(d.env.Name, h)
	}
	if h.Provider.Simulated != nil {
		dir, err := d.simulated().Directory(h)
		if err != nil {
			return nil, err
		}
		return simulatedhost.Open(dir, h.Name, time.Duration(h.Provider.Simulated.Latency))
	}
	target, err := d.target(h, s)
	if err != nil {
		return nil, err
	}
	if target.Signers, err = d.logins(h); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waiting, end := d.watched(ctx, h)
	defer end()
	if !d.writes {
		return machineOf(remote.Dial(waiting, target))
	}
	m, err := remote.Await(waiting, target, progress)
	if err != nil {
		return nil, err
	}
	if err := d.renew(ctx, h, m, progress); err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

// machineOf keeps a nil *remote.Machine from becoming a Machine that is not
// nil.
func machineOf(m *remote.Machine, err error) (hosts.Machine, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// target says how to reach a machine: the vault knows the keys that it may
// show.
func (d *deployment) target(h environments.Host, s tasks.Status) (remote.Target, error) {
	t := remote.Target{Host: h.Name, Address: s.Address, User: h.User, Environment: d.env.ID}
	var err error
	if t.HostKeys, err = d.vault.Pins(h.Name); err != nil {
		return t, err
	}
	if e := h.Provider.Existing; e != nil {
		t.User = e.User
		t.FirstUse = func(key ssh.PublicKey) error { return d.firstUse(h, key) }
	}
	return t, nil
}

// firstUse decides about the host key of an existing machine that was never
// seen: the file names its fingerprint, or it is shown, and recorded by
// commands that write.
func (d *deployment) firstUse(h environments.Host, key ssh.PublicKey) error {
	seen, want := ssh.FingerprintSHA256(key), h.Provider.Existing.Fingerprint
	if want != "" && want != seen {
		return fmt.Errorf("it shows %s %s, the file says %s", key.Type(), seen, want)
	}
	if want == "" {
		d.program.note("vm:%s: first contact: its host key is %s %s", h.Name, key.Type(), seen)
	}
	if !d.writes {
		return nil
	}
	return d.vault.Pin(h.Name, key)
}
