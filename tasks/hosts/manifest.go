package hosts

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// A Manifest lists everything that an environment owns on a machine. A thing
// is listed before it is created and struck off after it is gone, so that
// nothing of ours can be on a machine without being listed. It lives in
// StateDirectory/manifest.json; the zero Manifest is a machine without one.
type Manifest struct {
	Format      int              `json:"format"`      // 1
	Environment string           `json:"environment"` // owner's id; "" = nobody's
	Name        string           `json:"name"`        // owner's name, for people
	Owned       map[string]Owned `json:"owned"`       // by node id, "service:tracker"
	Release     int              `json:"release"`     // number of the newest release, 0 = none
}

// Owned says what belongs to one node, so that it can be removed when nothing
// declares it any more, by a program that knows no more than this.
type Owned struct {
	Paths    []string          `json:"paths,omitempty"`    // files, and directories that are removed whole
	Data     []string          `json:"data,omitempty"`     // directories kept until they are pruned by name
	Project  string            `json:"project,omitempty"`  // compose project of Services
	Services []string          `json:"services,omitempty"` // compose services
	Units    []string          `json:"units,omitempty"`    // systemd units to stop and disable
	Table    string            `json:"table,omitempty"`    // nftables table (inet)
	Pins     map[string]string `json:"pins,omitempty"`     // what was resolved once: image reference → digest
	Loaded   string            `json:"loaded,omitempty"`   // digest of the files that the running container has read, of a service that reloads
}

// Where the files of the protocol itself are.
const (
	// ManifestPath is the file that holds the Manifest.
	ManifestPath = StateDirectory + "/manifest.json"
	// ReleasesDirectory holds the releases by number.
	ReleasesDirectory = StateDirectory + "/releases"
	// FirewallUnit is the systemd unit that loads the firewall at boot; an
	// ApplyFirewall makes it, docker comes after it.
	FirewallUnit = "torrust-tracker-deployer-firewall.service"
)

// DecodeManifest reads what Encode wrote. No bytes are the zero Manifest; a
// newer format is refused.
func DecodeManifest(data []byte) (Manifest, error) {
	var m Manifest
	if len(data) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if m.Format > 1 {
		return Manifest{}, fmt.Errorf("manifest: format %d is newer than this program knows (1)", m.Format)
	}
	return m, nil
}

// Encode returns the bytes of manifest.json; equal manifests have equal bytes.
func (m Manifest) Encode() ([]byte, error) {
	m.Format = 1
	if m.Owned == nil {
		m.Owned = map[string]Owned{}
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return append(data, '\n'), nil
}

// With returns m after o; m stays as it is. A manifest of another environment
// is refused with ErrOwned.
func (m Manifest) With(o Own) (Manifest, error) {
	if m.Environment != "" && m.Environment != o.Environment {
		return Manifest{}, fmt.Errorf("%w: its owner is %q (id %q)", ErrOwned, m.Name, m.Environment)
	}
	next := m.Clone()
	next.Environment, next.Name = o.Environment, o.Name
	for _, id := range o.Drop {
		delete(next.Owned, id)
	}
	maps.Copy(next.Owned, o.Set)
	return next, nil
}

// Clone returns a copy that shares nothing with m.
func (m Manifest) Clone() Manifest {
	owned := make(map[string]Owned, len(m.Owned))
	for id, o := range m.Owned {
		o.Paths, o.Data = slices.Clone(o.Paths), slices.Clone(o.Data)
		o.Services, o.Units = slices.Clone(o.Services), slices.Clone(o.Units)
		o.Pins = maps.Clone(o.Pins)
		owned[id] = o
	}
	m.Owned = owned
	return m
}
