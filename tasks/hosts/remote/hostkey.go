package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// RenewHostKey has the machine make a host key of its own and show that one
// from now on, in place of whichever it was born with. Before the machine
// switches, record is told the new key: it has to pin it beside the old one
// and make that durable, so that the machine can be reached whatever happens
// next. RenewHostKey returns after a new connection has seen the new key in
// place; then the old one may be forgotten. Called again, also after an
// interruption anywhere, it ends with the same key.
func (m *Machine) RenewHostKey(ctx context.Context, record func(key ssh.PublicKey) error) (ssh.PublicKey, error) {
	const step = "renew the host key"
	text, err := m.one(ctx, step, "make_host_key")
	if err != nil {
		return nil, m.failed(step, err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return nil, m.failed(step, fmt.Errorf("the machine answers %q: %w", text, err))
	}
	if err := record(key); err != nil {
		return nil, m.failed(step, err)
	}
	if _, err := m.one(ctx, step, "use_host_key"); err != nil {
		return nil, m.failed(step, err)
	}
	target := m.target
	target.HostKeys = []ssh.PublicKey{key}
	fresh, err := Await(ctx, target, nil)
	if err != nil {
		return nil, m.failed(step, fmt.Errorf("a new connection: %w", unwrapped(err)))
	}
	defer fresh.Close()
	if _, err := fresh.one(ctx, step, "confirm_host_key"); err != nil {
		return nil, m.failed(step, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.target.HostKeys, func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(key.Marshal()) }) {
		m.target.HostKeys = append(slices.Clone(m.target.HostKeys), key)
	}
	return key, nil
}

// one carries out a single command of sh/ and returns what it printed.
func (m *Machine) one(ctx context.Context, step string, words ...string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &script{}
	s.line(append([]string{"step", "0", "0", step}, words...)...)
	pieces, err := m.batch(ctx, s)
	if err != nil {
		return "", err
	}
	if len(pieces) != 1 {
		return "", errors.New("the machine did not answer")
	}
	_, err = outcome(0, pieces[0])
	return strings.TrimSpace(string(pieces[0].body)), err
}

var _ hosts.Dialer = (*Machine)(nil)
