package qemu

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
	"github.com/torrust/tracker-deployer/templates"
)

const (
	dataSerial = "ttd-data"
	dataLabel  = "ttd-data"
	// dataMount is where the data disk is on the machine: what services keep
	// is below it, and outlives the system disk.
	dataMount = "/opt/torrust-tracker-deployer/data"
)

// seed is what cloud-init gets to know.
type seed struct {
	Instance, Hostname  string
	User, AuthorizedKey string
	HostKey             string // OpenSSH PEM, "" = the machine makes its own
	HostPublicKey       string
	SSHPort             int
	DataDevice          string
	DataLabel           string
	DataMount           string
	MAC                 string
	Addresses           []string // with prefix length; none = DHCP
	Gateways            []gateway
	Nameservers         []string
}

// files renders the three files of a NoCloud seed.
func (s seed) files() (map[string]string, error) {
	files := map[string]string{}
	for _, name := range []string{"user-data", "meta-data", "network-config"} {
		text, err := templates.Render("cloudinit/"+name+".yaml.tmpl", s)
		if err != nil {
			return nil, err
		}
		files[name] = text
	}
	return files, nil
}

// prepareSeed makes sure that there is a seed. Before the first boot it holds
// a throw-away host key, new each time, that is pinned before the seed is
// there: whoever answers with another one is not this machine. Once the
// machine is known by a key of its own, the throw-away key goes.
func (v *vm) prepareSeed() error {
	if !v.state.Booted {
		return v.writeSeed(true)
	}
	spent, err := v.hostKeySpent()
	if err != nil || v.has(seedFile) && !spent {
		return err
	}
	return v.writeSeed(false)
}

// hostKeySpent reports whether the seed holds a host key that the machine is
// no longer known by.
func (v *vm) hostKeySpent() (bool, error) {
	if v.state.HostKey == "" {
		return false, nil
	}
	pins, err := v.config.Keys.Pins(v.host.Name)
	known := func(k ssh.PublicKey) bool { return authorized(k) == v.state.HostKey }
	return len(pins) > 0 && !slices.ContainsFunc(pins, known), err
}

func (v *vm) writeSeed(withHostKey bool) error {
	s := seed{
		Instance: v.state.Instance, Hostname: v.host.Name,
		User: v.state.User, AuthorizedKey: v.state.AuthorizedKey, SSHPort: v.state.SSHPort,
		DataDevice: "/dev/disk/by-id/virtio-" + dataSerial, DataLabel: dataLabel, DataMount: dataMount,
		MAC: v.mac(),
	}
	v.state.HostKey = ""
	if withHostKey {
		private, public, err := throwAwayKey()
		if err != nil {
			return err
		}
		s.HostKey, s.HostPublicKey = private, authorized(public)
		v.state.HostKey = s.HostPublicKey
		if err := v.config.Keys.Pin(v.host.Name, public); err != nil {
			return err
		}
	}
	if b := v.state.Bridge; b != nil {
		if err := b.configure(&s); err != nil {
			return err
		}
	}
	if err := v.save(); err != nil {
		return err
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	return writeISO(v.path(seedFile), files)
}

// authorized returns a key as a line without its end.
func authorized(k ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

func throwAwayKey() (private string, public ssh.PublicKey, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", nil, err
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		return "", nil, err
	}
	public, err = ssh.NewPublicKey(pub)
	return string(pem.EncodeToMemory(block)), public, err
}

// writeISO makes path an ISO 9660 image with the volume name by which
// cloud-init finds it. Nobody but its owner can read it.
func writeISO(path string, files map[string]string) error {
	temp := path + ".new"
	// The library collects files in a directory that becomes the image.
	tree := path + ".tree"
	for _, leftover := range []string{temp, tree} {
		if err := os.RemoveAll(leftover); err != nil {
			return err
		}
	}
	if err := os.Mkdir(tree, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(finalize(f, tree), f.Sync(), f.Close(), os.RemoveAll(tree)); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

func finalize(f *os.File, tree string) error {
	fs, err := iso9660.Create(file.New(f, false), 0, 0, 2048, tree)
	if err != nil {
		return err
	}
	return fs.Finalize(iso9660.FinalizeOptions{RockRidge: true, Joliet: true, VolumeIdentifier: "cidata"})
}
