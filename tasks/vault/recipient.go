package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
)

// A RecipientError is something that is no public key, or one with which
// nothing can be done.
type RecipientError struct {
	Key    string
	Reason string
	Next   string // hint
}

// Error names the key and the reason.
func (e *RecipientError) Error() string { return fmt.Sprintf("recipient %q: %s", e.Key, e.Reason) }

// Hint says what to do instead.
func (e *RecipientError) Hint() string { return e.Next }

// ParseRecipient returns a public key as it is kept, without the comment of an
// ssh key: age1…, ssh-ed25519 … or ssh-rsa …. Its error is a *RecipientError.
func ParseRecipient(text string) (string, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "ssh-") {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err == nil {
			text = authorized(key)
		}
	}
	if _, err := recipient(text); err != nil {
		return "", err
	}
	return text, nil
}

func recipient(text string) (age.Recipient, error) {
	const kinds = "keys are age1…, ssh-ed25519 … and ssh-rsa …; the line of an ssh key is one argument, in quotes"
	switch {
	case strings.HasPrefix(text, "AGE-SECRET-KEY-"):
		return nil, &RecipientError{"AGE-SECRET-KEY-…", "that is a private key", "the public one stands above it in its file"}
	case strings.HasPrefix(text, "age1pq1"): // their own prefix; other keys may begin with age1pq by chance
		return nil, &RecipientError{text, "a post-quantum key cannot be mixed with others in one file", kinds}
	case strings.HasPrefix(text, "ssh-"):
		r, err := agessh.ParseRecipient(text)
		if err != nil {
			return nil, &RecipientError{text, "not a public key of ssh that age can use", kinds}
		}
		return r, nil
	}
	r, err := age.ParseX25519Recipient(text)
	if err != nil {
		return nil, &RecipientError{text, "not a public key", kinds}
	}
	return r, nil
}

// Recipients returns for whom the age file is encrypted, sorted; those of
// the operator's own keys are in it as soon as it was written once.
func (v *Vault) Recipients() ([]string, error) {
	doc, err := v.read()
	if err != nil {
		return nil, err
	}
	return slices.Clone(doc.Recipients), nil
}

// Own returns the operator's own recipients; none without a key file.
func (v *Vault) Own() []string {
	keys, err := v.own()
	if err != nil {
		return nil
	}
	var list []string
	for _, k := range keys {
		if k.recipient != "" {
			list = append(list, k.recipient)
		}
	}
	return list
}

// AddRecipients encrypts the age file, which is made where there is none, for
// these as well. It reports which were not there yet.
func (v *Vault) AddRecipients(ctx context.Context, keys []string) (added []string, err error) {
	err = v.change(ctx, func(d *document) (bool, error) {
		for _, k := range keys {
			if !slices.Contains(d.Recipients, k) && !slices.Contains(added, k) {
				added = append(added, k)
			}
		}
		d.Recipients = append(d.Recipients, added...)
		return len(added) > 0, nil
	})
	return added, err
}

// RemoveRecipients encrypts the age file without these. The error is a
// *RecipientError for one that is not there, and for one of the operator's own:
// a file that its writer cannot open is of no use. Who has the file as it was
// can still read what was in it.
func (v *Vault) RemoveRecipients(ctx context.Context, keys []string) error {
	mine := v.Own()
	return v.change(ctx, func(d *document) (bool, error) {
		for _, k := range keys {
			at := slices.Index(d.Recipients, k)
			switch {
			case at < 0:
				return false, &RecipientError{k, "the file is not encrypted for it", ""}
			case slices.Contains(mine, k):
				return false, &RecipientError{k, "it is one of your own keys", "take it out of your key file first, and keep one that stays"}
			}
			d.Recipients = slices.Delete(d.Recipients, at, at+1)
		}
		return len(keys) > 0, nil
	})
}

// recipients returns whom the document is to be encrypted for: whom it lists,
// and the operator's own keys, which are put on the list.
func (v *Vault) recipients(ctx context.Context, doc *document) ([]age.Recipient, error) {
	keys, err := v.ownKeys(ctx)
	if err != nil {
		return nil, err
	}
	usable := false
	for _, k := range keys {
		if k.recipient == "" {
			continue
		}
		usable = true
		if !slices.Contains(doc.Recipients, k.recipient) {
			doc.Recipients = append(doc.Recipients, k.recipient)
		}
	}
	if !usable {
		return nil, fmt.Errorf("vault: %s: no X25519 key in it", v.options.KeyFile)
	}
	slices.Sort(doc.Recipients)
	var list []age.Recipient
	for _, text := range doc.Recipients {
		r, err := recipient(text)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}
