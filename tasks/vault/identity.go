package vault

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// MAC returns a keyed digest (HMAC-SHA256, hexadecimal) of data: fit to be
// stored where others read, since only the age file holds the key. With create
// the key is made where there is none, and durable before it is used; without,
// that is ErrNotGenerated.
func (v *Vault) MAC(data []byte, create bool) (string, error) {
	doc, err := v.read()
	if err != nil {
		return "", err
	}
	if len(doc.MAC) == 0 {
		if !create {
			return "", fmt.Errorf("key for digests: %w", ErrNotGenerated)
		}
		err := v.change(context.Background(), func(d *document) (bool, error) {
			doc = d
			return d.needKey(), nil
		})
		if err != nil {
			return "", err
		}
	}
	return doc.digest(data), nil
}

// needKey makes the key for digests, unless there is one, and reports whether
// it did.
func (d *document) needKey() bool {
	if len(d.MAC) > 0 {
		return false
	}
	d.MAC = make([]byte, 32)
	rand.Read(d.MAC) // never returns an error
	return true
}

// digest is MAC with a key that is made where there is none; then the document
// has to be written.
func (d *document) digest(data []byte) string {
	d.needKey()
	mac := hmac.New(sha256.New, d.MAC)
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
}

// ClientKey returns the ed25519 key with which the program logs in to a host.
// With create it is made where there is none, and durable before it is used;
// without, that is ErrNotGenerated.
func (v *Vault) ClientKey(host string, create bool) (ssh.Signer, error) {
	doc, err := v.read()
	if err != nil {
		return nil, err
	}
	text, ok := doc.Keys[host]
	if !ok {
		if !create {
			return nil, fmt.Errorf("ssh key for host %q: %w", host, ErrNotGenerated)
		}
		err := v.change(context.Background(), func(d *document) (bool, error) {
			if text, ok = d.Keys[host]; ok {
				return false, nil
			}
			made, err := makeClientKey()
			if err != nil {
				return false, err
			}
			text, d.Keys[host] = made, made
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	signer, err := ssh.ParsePrivateKey([]byte(text))
	if err != nil {
		// The cause is left out: it is about a private key.
		return nil, fmt.Errorf("vault: %s: the ssh key for host %q is not readable", v.options.AgeFile, host)
	}
	return signer, nil
}

func makeClientKey() (string, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(key, "torrust-tracker-deployer")
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(block)), nil
}
