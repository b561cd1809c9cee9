package qemu

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// The files of a machine.
const (
	stateFile   = "state.json"
	diskFile    = "disk.qcow2"
	dataFile    = "data.qcow2"
	seedFile    = "seed.iso"
	consoleFile = "console.log"
	logFile     = "qemu.log"
	socketFile  = "qmp.sock"
	pidFile     = "qemu.pid"
)

// state is what state.json holds. Nothing in it is secret.
type state struct {
	Format int `json:"format"` // 1; 0 is no state

	// What the machine was made from. Empty while only its data is kept.
	Image         *imageState `json:"image,omitempty"`
	CPUs          int         `json:"cpus"`
	Memory        int64       `json:"memory"` // bytes
	Disk          int64       `json:"disk"`   // bytes
	Data          int64       `json:"data"`   // bytes
	Bridge        *bridge     `json:"bridge,omitempty"`
	User          string      `json:"user"`
	SSHPort       int         `json:"sshPort"`
	AuthorizedKey string      `json:"authorizedKey,omitempty"` // authorized_keys line

	// Instance tells cloud-init a new machine from a reboot.
	Instance string `json:"instance,omitempty"`
	// HostKey is the public half of the host key in the seed, "" for none.
	HostKey string `json:"hostKey,omitempty"`
	// Booted is set before the machine is started for the first time.
	Booted bool `json:"booted"`

	Forwards []forward `json:"forwards,omitempty"`
	// Argv is what the machine was last started with, in Directory. With
	// -loadvm NAME appended it starts from a snapshot of its memory.
	Argv      []string `json:"argv,omitempty"`
	Directory string   `json:"directory,omitempty"`
}

// bridge is the network of a machine that is not user-mode.
type bridge struct {
	Name string `json:"name"`
	IPv4 string `json:"ipv4,omitempty"` // with prefix length
	IPv6 string `json:"ipv6,omitempty"` // with prefix length
}

// forward is a port of the machine and its number on the operator's side.
type forward struct {
	Proto string `json:"proto"`
	Guest int    `json:"guest"`
	Host  int    `json:"host"`
}

// imageState is the image that a system disk lies over.
type imageState struct {
	Reference string `json:"reference"` // as declared
	Checksum  string `json:"checksum,omitempty"`
	Path      string `json:"path"` // of the backing file
	Format    string `json:"format"`
	Size      int64  `json:"size"`     // bytes of the file
	Modified  int64  `json:"modified"` // nanoseconds since 1970
}

// format is 0 where there is no machine, or only its data.
func (s *state) format() int {
	if s.Image == nil {
		return 0
	}
	return s.Format
}

func readState(dir string) (*state, error) {
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return &state{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	if s.Format != 1 {
		return nil, fmt.Errorf("%s: format %d, this program knows 1", filepath.Join(dir, stateFile), s.Format)
	}
	return s, nil
}

// save makes the state durable. The directory is locked.
func (v *vm) save() error {
	v.state.Format = 1
	content, err := json.MarshalIndent(v.state, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(v.path(stateFile), append(content, '\n'), 0o600)
}

// identity is 16 bytes that follow from the machine's directory, so that its
// process is found even when nothing is left in there.
func (v *vm) identity() [16]byte {
	sum := sha256.Sum256([]byte(v.dir))
	return [16]byte(sum[:16])
}

// uuid is the identity in the form that -uuid takes, marked as a custom one
// (version 8, RFC 9562).
func (v *vm) uuid() string {
	b := v.identity()
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// mac is the address of the network card, in QEMU's range.
func (v *vm) mac() string {
	b := v.identity()
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", b[0], b[1], b[2])
}

// tap is the name of the network interface on the operator's side of a
// bridge; Linux allows 15 characters.
func (v *vm) tap() string {
	b := v.identity()
	return fmt.Sprintf("ttd%x", b[:6])
}
