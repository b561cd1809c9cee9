package main

import (
	"net"
	"os"
	"path/filepath"

	"github.com/torrust/tracker-deployer/environments"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// identities are the operator's own keys, in the order that they are tried.
var identities = [...]string{"id_ed25519", "id_ecdsa", "id_rsa"}

// logins returns the keys that may log in to a machine. One that a provider
// made knows the key that the vault keeps for it; an existing one knows the
// operator's.
func (d *deployment) logins(h environments.Host) ([]ssh.Signer, error) {
	if h.Provider.Existing == nil {
		key, err := d.vault.ClientKey(h.Name, false)
		return []ssh.Signer{key}, err
	}
	keys := d.program.ownKeys()
	if len(keys) == 0 {
		return nil, usage("there is no ssh key to log in to host %q with", h.Name).
			hint("start an ssh agent and ssh-add a key, or make one without a passphrase with ssh-keygen, and allow it on the machine")
	}
	return keys, nil
}

// ownKeys returns the operator's keys: those of the agent, then those of
// ~/.ssh that have no passphrase.
func (p *program) ownKeys() []ssh.Signer {
	var keys []ssh.Signer
	if socket := p.getenv("SSH_AUTH_SOCK"); socket != "" {
		if conn, err := net.Dial("unix", socket); err == nil {
			// The connection lives as long as the signers, that is, as the
			// program.
			if signers, err := agent.NewClient(conn).Signers(); err == nil {
				keys = append(keys, signers...)
			}
		}
	}
	for _, name := range identities {
		data, err := os.ReadFile(filepath.Join(p.getenv("HOME"), ".ssh", name))
		if err != nil {
			continue
		}
		if key, err := ssh.ParsePrivateKey(data); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}
