package remote_test

import (
	"errors"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
)

func TestRenewHostKey(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	interrupted := errors.New("interrupted")
	var first ssh.PublicKey
	if _, err := s.dial(t, "torrust").RenewHostKey(t.Context(), func(key ssh.PublicKey) error {
		first = key
		return interrupted
	}); !errors.Is(err, interrupted) {
		t.Fatalf("renewing ends with %v, want %v", err, interrupted)
	}
	// Nothing was switched: the key that is known still opens the machine.
	m := s.dial(t, "torrust")
	recorded := 0
	key, err := m.RenewHostKey(t.Context(), func(key ssh.PublicKey) error {
		recorded++
		if string(key.Marshal()) != string(first.Marshal()) {
			t.Error("the second attempt made another key")
		}
		// Until record returns, only the old key is shown.
		return s.dial(t, "torrust").Close()
	})
	check(t, err)
	if recorded != 1 || string(key.Marshal()) == string(s.hostKey.Marshal()) {
		t.Errorf("recorded %d times, key %s", recorded, ssh.FingerprintSHA256(key))
	}
	if _, err := remote.Dial(t.Context(), s.target("torrust")); !errors.Is(err, hosts.ErrHostKey) {
		t.Errorf("the old host key: %v, want %v", err, hosts.ErrHostKey)
	}
	target := s.target("torrust")
	target.HostKeys = []ssh.PublicKey{s.hostKey, key} // as pinned meanwhile
	fresh, err := remote.Dial(t.Context(), target)
	check(t, err)
	defer fresh.Close()
	again, err := fresh.RenewHostKey(t.Context(), func(ssh.PublicKey) error { return nil })
	check(t, err)
	if string(again.Marshal()) != string(key.Marshal()) {
		t.Error("renewing again made another key")
	}
}

func TestFirstUse(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	target := s.target("root")
	target.HostKeys = nil
	target.FirstUse = func(key ssh.PublicKey) error {
		if string(key.Marshal()) != string(s.hostKey.Marshal()) {
			t.Error("first use was shown another key")
		}
		return nil
	}
	m, err := remote.Dial(t.Context(), target)
	check(t, err)
	defer m.Close()
	target.FirstUse = func(ssh.PublicKey) error { return errors.New("no thanks") }
	if _, err := remote.Dial(t.Context(), target); !errors.Is(err, hosts.ErrHostKey) {
		t.Errorf("a refused first use: %v, want %v", err, hosts.ErrHostKey)
	}
}
