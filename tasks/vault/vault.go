// Package vault keeps what an environment must remember and nobody else may
// know: generated secrets, the ssh key for each machine, and beside them, in
// the open, the host keys that each machine is known by.
//
// Two files hold it, and both are meant to be committed:
//
//   - environments/NAME.age is a JSON document encrypted with age
//     (age-encryption.org) for the keys in the operator's key files, which may
//     be ssh's, and for whom else it lists. Whoever has one of the keys and a
//     clone of the project can go on where another stopped.
//   - environments/NAME.known_hosts is an OpenSSH known_hosts file. The host
//     field is the plain name of the host in the environment, "web": names are
//     unique there, and addresses change. OpenSSH reads it with
//     ssh -o UserKnownHostsFile=environments/NAME.known_hosts -o HostKeyAlias=web.
//
// A value is on disk before anybody sees it: what was generated, used, and
// then lost with a crash would lock its owner out of a database. Every change
// takes the lock of the directory, reads again, and replaces the file as a
// whole, so that runs beside each other lose nothing of one another.
//
// Values from the operator's environment and from commands are not stored,
// unless `secrets set` or a rotation does: then the document has them, and while
// a rotation is under way both the old and the new one beside its state (see
// [State]). A value that a rotation has replaced is recognised by a keyed
// digest, so that a variable which still has it is an error and not a way back.
//
// No error of this package contains a secret.
package vault

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// lockWait bounds the wait for another process that changes the same files;
// a change takes milliseconds.
const lockWait = 30 * time.Second

// Options say where a vault lives. Paths are absolute.
type Options struct {
	AgeFile    string                      // environments/NAME.age
	KnownHosts string                      // environments/NAME.known_hosts
	KeyFile    string                      // the operator's age identities, or a private key of ssh
	Identities []string                    // more such files, which have to be there
	Directory  string                      // where commands run, "" = where this process runs
	Getenv     func(string) (string, bool) // nil = os.LookupEnv
	Stderr     io.Writer                   // what commands say on standard error; nil discards it
	Notice     func(string)                // gets a word when a key file is made; nil discards it
	Patience   time.Duration               // how long a command may take; 0 = 2m

	Passphrase func(file string) ([]byte, error) // of a private key of ssh; nil = cannot be asked for
}

// A Vault holds the secrets, ssh keys and pins of one environment. It is safe
// for concurrent use, in this process and beside others.
type Vault struct {
	options Options

	mu      sync.Mutex
	outside map[string]*outsideValue // by name of the secret
	seen    []string
	ssh     map[string]own // by file, once read
}

// Open returns the vault at options. It reads and creates nothing.
func Open(options Options) (*Vault, error) {
	for _, p := range append([]string{options.AgeFile, options.KnownHosts, options.KeyFile}, options.Identities...) {
		if !filepath.IsAbs(p) {
			return nil, fmt.Errorf("vault: path %q is not absolute", p)
		}
	}
	if options.Getenv == nil {
		options.Getenv = os.LookupEnv
	}
	if options.Stderr == nil {
		options.Stderr = io.Discard
	}
	if options.Notice == nil {
		options.Notice = func(string) {}
	}
	if options.Patience <= 0 {
		options.Patience = 2 * time.Minute
	}
	if options.Passphrase == nil {
		options.Passphrase = func(file string) ([]byte, error) {
			return nil, fmt.Errorf("%s has a passphrase, and there is no terminal to ask for it on", file)
		}
	}
	return &Vault{options: options, outside: map[string]*outsideValue{}, ssh: map[string]own{}}, nil
}

// Values returns every secret value that this process has got from the vault
// so far, each once, for a filter that keeps them out of output.
func (v *Vault) Values() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.seen)
}

func (v *Vault) saw(value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if value != "" && !slices.Contains(v.seen, value) {
		v.seen = append(v.seen, value)
	}
}

// Drop forgets a host: its ssh key and its pins. A host that is not known is
// fine. Secrets stay.
func (v *Vault) Drop(host string) error {
	doc, err := v.read()
	if err != nil {
		return err
	}
	if _, ok := doc.Keys[host]; ok {
		err := v.change(context.Background(), func(d *document) (bool, error) {
			_, ok := d.Keys[host]
			delete(d.Keys, host)
			return ok, nil
		})
		if err != nil {
			return err
		}
	}
	return v.Unpin(host)
}

// Purge deletes both files of the environment. The key file stays: it opens
// other environments too.
func (v *Vault) Purge() error {
	for _, path := range []string{v.options.AgeFile, v.options.KnownHosts} {
		if err := purge(path); err != nil {
			return err
		}
	}
	return nil
}

func purge(path string) error {
	if _, err := os.Stat(filepath.Dir(path)); os.IsNotExist(err) {
		return nil
	}
	unlock, err := lockDir(context.Background(), filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	return durable.Remove(path)
}

func lockDir(ctx context.Context, dir string) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return durable.Lock(ctx, dir)
}
