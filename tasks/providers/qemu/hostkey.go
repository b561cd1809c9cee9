package qemu

import (
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/environments"
)

// ThrowAwayKey returns the host key that a machine was born with, while it is
// known by that one: it is in the seed, where others could have read it, and
// is to be replaced by one that the machine makes. Nil when there is no such
// machine, or it has a key of its own. It reads only.
func (p *Provider) ThrowAwayKey(host environments.Host) (ssh.PublicKey, error) {
	v, err := p.open(host)
	if err != nil || v.state.HostKey == "" {
		return nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(v.state.HostKey))
	if err != nil {
		return nil, v.wrap(fmt.Errorf("the host key in its state: %w", err))
	}
	pins, err := p.config.Keys.Pins(host.Name)
	known := func(k ssh.PublicKey) bool { return authorized(k) == authorized(key) }
	if err != nil || !slices.ContainsFunc(pins, known) {
		return nil, err
	}
	return key, nil
}
