package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// A KeyError is an age file that the operator's key files do not open.
type KeyError struct {
	File    string // the age file
	KeyFile string
	Missing bool // there is no key file at all
}

// Error names both files.
func (e *KeyError) Error() string {
	if e.Missing {
		return fmt.Sprintf("%s cannot be opened: there is no key file %s", e.File, e.KeyFile)
	}
	return fmt.Sprintf("%s was made for other keys than those in %s", e.File, e.KeyFile)
}

// Hint says what to do about it.
func (e *KeyError) Hint() string {
	other := ", name a key with --identity, or ask somebody who can open it for `secrets recipients add`"
	if e.Missing {
		return "copy the age key that the file was made with to " + e.KeyFile + other
	}
	return "add the age key that the file was made with as another line of " + e.KeyFile + other
}

// An own is a key of the operator's, and who it is for others.
type own struct {
	identity  age.Identity
	recipient string // "" = none that this program encrypts for
}

// keyFiles returns the files that keys are read from.
func (v *Vault) keyFiles() []string {
	return append([]string{v.options.KeyFile}, v.options.Identities...)
}

// own returns the keys in the key files. That the first is missing matters only
// where it is the only one.
func (v *Vault) own() ([]own, error) {
	var all []own
	for i, file := range v.keyFiles() {
		content, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) && i == 0 {
			if len(v.options.Identities) == 0 {
				return nil, &KeyError{File: v.options.AgeFile, KeyFile: file, Missing: true}
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("vault: %w", err)
		}
		keys, err := v.keysIn(file, content)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	return all, nil
}

// identities returns what opens the age file.
func (v *Vault) identities() ([]age.Identity, error) {
	keys, err := v.own()
	var list []age.Identity
	for _, k := range keys {
		list = append(list, k.identity)
	}
	return list, err
}

// keysIn returns the keys of a file: age's, or one of OpenSSH's.
func (v *Vault) keysIn(file string, content []byte) ([]own, error) {
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("-----BEGIN")) {
		k, err := v.sshKey(file, content)
		return []own{k}, err
	}
	identities, err := age.ParseIdentities(bytes.NewReader(content))
	if err != nil {
		// The cause may quote a line of the file, which is a private key.
		return nil, fmt.Errorf("vault: %s: not a file of age keys", file)
	}
	var keys []own
	for _, identity := range identities {
		k := own{identity: identity}
		if x, ok := identity.(*age.X25519Identity); ok {
			k.recipient = x.Recipient().String()
		}
		// age does not mix post-quantum keys with others in one file; a file
		// for the classic ones is one that every key holder's program can open.
		keys = append(keys, k)
	}
	return keys, nil
}

// sshKey returns a private key of OpenSSH's. The passphrase of one that has
// some is asked for when it is needed, once.
func (v *Vault) sshKey(file string, content []byte) (own, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if k, ok := v.ssh[file]; ok {
		return k, nil
	}
	var k own
	signer, err := ssh.ParsePrivateKey(content)
	locked, isLocked := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case isLocked && locked.PublicKey != nil:
		k.recipient = authorized(locked.PublicKey)
		k.identity, err = agessh.NewEncryptedSSHIdentity(locked.PublicKey, content, func() ([]byte, error) { return v.options.Passphrase(file) })
	case err == nil:
		k.recipient = authorized(signer.PublicKey())
		k.identity, err = agessh.ParseIdentity(content)
	}
	if err != nil {
		// The cause may be about the private key.
		return own{}, fmt.Errorf("vault: %s: not a private key of ssh that age can use (ssh-ed25519 and ssh-rsa are)", file)
	}
	v.ssh[file] = k
	return k, nil
}

func authorized(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// ownKeys returns the keys in the key files. Where there is none yet, and
// nothing was encrypted either, one is made.
func (v *Vault) ownKeys(ctx context.Context) ([]own, error) {
	keys, err := v.own()
	if missing := (*KeyError)(nil); errors.As(err, &missing) {
		if err := v.makeKey(ctx); err != nil {
			return nil, err
		}
		return v.own()
	}
	return keys, err
}

// makeKey creates the key file unless another process was faster. The lock of
// the age file's directory is held.
func (v *Vault) makeKey(ctx context.Context) error {
	dir := filepath.Dir(v.options.KeyFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if same, err := sameDirectory(dir, filepath.Dir(v.options.AgeFile)); err != nil {
		return fmt.Errorf("vault: %w", err)
	} else if !same {
		unlock, err := lockDir(ctx, dir)
		if err != nil {
			return fmt.Errorf("vault: %w", err)
		}
		defer unlock()
	}
	if _, err := os.Stat(v.options.KeyFile); err == nil {
		return nil
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	content := fmt.Sprintf("# public key: %s\n%s\n", identity.Recipient(), identity)
	if err := durable.WriteFile(v.options.KeyFile, []byte(content), 0o600); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	v.options.Notice(fmt.Sprintf("made %s: keep a copy of it in a safe place, without it nobody can read %s",
		v.options.KeyFile, filepath.Base(v.options.AgeFile)))
	return nil
}

func sameDirectory(a, b string) (bool, error) {
	first, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second), err
}
