package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// format is the version of the document that this program writes and the
// newest that it reads. Format 1 had no recipients, rotations and retired
// values, and a program that knows only that would lose them.
const format = 2

// document is what the age file holds. Whatever a program that knows the format
// would lose needs a new one.
type document struct {
	Format     int                 `json:"format"`
	Secrets    map[string]string   `json:"secrets"`              // generated and set ones, by name
	Keys       map[string]string   `json:"keys"`                 // ed25519 private keys by host, OpenSSH PEM
	MAC        []byte              `json:"mac"`                  // key of MAC
	Recipients []string            `json:"recipients,omitempty"` // whom the file is encrypted for
	Rotations  map[string]rotating `json:"rotations,omitempty"`  // by name of the secret
	Retired    map[string][]string `json:"retired,omitempty"`    // MACs of earlier values, by name of the secret
}

func newDocument() *document {
	return &document{
		Format: format, Secrets: map[string]string{}, Keys: map[string]string{},
		Rotations: map[string]rotating{}, Retired: map[string][]string{},
	}
}

// read returns the document on disk, an empty one when there is no file.
func (v *Vault) read() (*document, error) {
	sealed, err := os.ReadFile(v.options.AgeFile)
	if errors.Is(err, os.ErrNotExist) {
		return newDocument(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	identities, err := v.identities()
	if err != nil {
		return nil, err
	}
	return v.open(sealed, identities)
}

// open decrypts and decodes. Errors of the JSON decoder may quote what they
// read and are therefore not passed on.
func (v *Vault) open(sealed []byte, identities []age.Identity) (*document, error) {
	plain, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return nil, &KeyError{File: v.options.AgeFile, KeyFile: v.options.KeyFile}
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %s: %w", v.options.AgeFile, err)
	}
	content, err := io.ReadAll(plain)
	if err != nil {
		return nil, fmt.Errorf("vault: %s: %w", v.options.AgeFile, err)
	}
	doc := newDocument()
	if json.Unmarshal(content, doc) != nil || doc.Format < 1 {
		return nil, fmt.Errorf("vault: %s: not a document of this program", v.options.AgeFile)
	}
	if doc.Format > format {
		return nil, fmt.Errorf("vault: %s: written by a newer program (format %d, this one knows %d)",
			v.options.AgeFile, doc.Format, format)
	}
	return doc, nil
}

// change applies edit to the document as it is on disk now and writes it when
// edit says that it did something, all under the lock. When change returns
// nil the document is durable.
func (v *Vault) change(ctx context.Context, edit func(*document) (changed bool, err error)) error {
	dir := filepath.Dir(v.options.AgeFile)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	defer unlock()
	doc, err := v.read()
	if err != nil {
		return err
	}
	changed, err := edit(doc)
	if err != nil || !changed {
		return err
	}
	return v.write(ctx, doc)
}

func (v *Vault) write(ctx context.Context, doc *document) error {
	recipients, err := v.recipients(ctx, doc)
	if err != nil {
		return err
	}
	doc.Format = format
	content, err := json.Marshal(doc)
	if err != nil {
		return errors.New("vault: the document cannot be encoded")
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipients...)
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if err := durable.WriteFile(v.options.AgeFile, sealed.Bytes(), 0o600); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return nil
}
