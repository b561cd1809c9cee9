package main

import (
	"context"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
	"golang.org/x/crypto/ssh"
)

// A maker is a provider whose machines are born with a host key that it knows.
type maker interface {
	// ThrowAwayKey returns that key while the machine still shows it; nil
	// when it does not.
	ThrowAwayKey(h environments.Host) (ssh.PublicKey, error)
}

// renew has a machine that still shows the host key it was born with make one
// of its own, and pins that alone. The key it was born with is in its seed,
// where others could have read it.
func (d *deployment) renew(ctx context.Context, h environments.Host, m *remote.Machine, progress func(string)) error {
	provider, err := d.provider(h.Provider.Kind())
	if err != nil {
		return err
	}
	made, ok := provider.(maker)
	if !ok {
		return nil
	}
	old, err := made.ThrowAwayKey(h)
	if err != nil || old == nil {
		return err
	}
	progress("the machine makes a host key of its own")
	key, err := m.RenewHostKey(ctx, func(key ssh.PublicKey) error {
		pins, err := d.vault.Pins(h.Name)
		if err != nil {
			return err
		}
		known := func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(key.Marshal()) }
		if slices.ContainsFunc(pins, known) {
			return nil
		}
		return d.vault.Pin(h.Name, append(pins, key)...)
	})
	if err != nil {
		return err
	}
	return d.vault.Pin(h.Name, key)
}
