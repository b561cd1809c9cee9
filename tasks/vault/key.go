package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// A KeyError is an age file that the operator's key file does not open.
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
	if e.Missing {
		return "copy the age key that the file was made with to " + e.KeyFile
	}
	return "add the age key that the file was made with as another line of " + e.KeyFile
}

// identities returns the keys in the key file.
func (v *Vault) identities() ([]age.Identity, error) {
	f, err := os.Open(v.options.KeyFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &KeyError{File: v.options.AgeFile, KeyFile: v.options.KeyFile, Missing: true}
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	defer f.Close()
	identities, err := age.ParseIdentities(f)
	if err != nil {
		// The cause may quote a line of the file, which is a private key.
		return nil, fmt.Errorf("vault: %s: not a file of age keys", v.options.KeyFile)
	}
	return identities, nil
}

// recipients returns whom the age file is encrypted for: every key in the key
// file. Where there is none yet, and nothing was encrypted either, one is made.
func (v *Vault) recipients(ctx context.Context) ([]age.Recipient, error) {
	identities, err := v.identities()
	if missing := (*KeyError)(nil); errors.As(err, &missing) {
		if err := v.makeKey(ctx); err != nil {
			return nil, err
		}
		identities, err = v.identities()
	}
	if err != nil {
		return nil, err
	}
	var recipients []age.Recipient
	for _, identity := range identities {
		switch key := identity.(type) {
		case *age.X25519Identity:
			recipients = append(recipients, key.Recipient())
		case *age.HybridIdentity:
			// age does not mix the two in one file; a file for the classic
			// keys is one that every key holder's program can open.
		}
	}
	if len(recipients) == 0 {
		return nil, fmt.Errorf("vault: %s: no X25519 key in it", v.options.KeyFile)
	}
	return recipients, nil
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
