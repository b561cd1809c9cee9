package simulated

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// Versions of Debian 13 for the packages whose version matters to somebody.
func versionOf(name string) string {
	switch name {
	case "docker.io", "docker-cli":
		return "26.1.5+dfsg1-9"
	case "docker-compose":
		return "2.26.1-4"
	case "nftables":
		return "1.1.3-1"
	default:
		return "1.0-1"
	}
}

// unitsOf names the units that come, enabled and started, with a package.
func unitsOf(name string) []string {
	switch name {
	case "docker.io":
		return []string{"docker.service", "containerd.service"}
	case "unattended-upgrades":
		return []string{"unattended-upgrades.service"}
	default:
		return nil
	}
}

func (m *Machine) system(s *state) (*hosts.SystemFact, error) {
	f := &hosts.SystemFact{
		OS: "debian", Version: "13", Codename: "trixie", Architecture: "amd64",
		Kernel: "6.12.48+deb13-cloud-amd64", BootID: "00000000-0000-4000-8000-000000000001",
		User: "root", Root: true, Memory: 2 << 30, DiskFree: 8 << 30,
		Interface: "eth0", Addresses: []string{"192.0.2.1", "2001:db8::1"},
	}
	if s.Units["docker.service"].Active {
		f.Docker = "26.1.5+dfsg1"
		if s.Packages["docker-compose"] != "" {
			f.Compose = "2.26.1"
		}
	}
	return f, m.readJSON("facts.json", f)
}

func (s *state) install(o hosts.InstallPackages, progress func(string)) bool {
	changed := false
	for _, name := range o.Names {
		if s.Packages[name] != "" {
			continue
		}
		progress("Setting up " + name + " (" + versionOf(name) + ") ...")
		s.Packages[name] = versionOf(name)
		for _, u := range unitsOf(name) {
			s.Units[u] = unit{Enabled: true, Active: true}
		}
		if name == "docker.io" {
			s.loadModule("nf_conntrack")
			s.Sysctls["net.ipv4.ip_forward"] = "1"
		}
		changed = true
	}
	return changed
}

// unitFile returns the digest of a unit's file, "" when there is none.
func (m *Machine) unitFile(name string) string {
	data, err := os.ReadFile(m.at("/etc/systemd/system/" + name))
	if err != nil {
		return ""
	}
	return digest(data)
}

func (m *Machine) unit(s *state, name string) *hosts.UnitFact {
	u, known := s.Units[name]
	file := m.unitFile(name)
	return &hosts.UnitFact{
		Exists:  known || file != "",
		Enabled: u.Enabled,
		Active:  u.Active,
		Stale:   known && u.Read != "" && u.Read != file,
	}
}

func (m *Machine) setUnit(s *state, o hosts.SetUnit) (bool, error) {
	if !m.unit(s, o.Name).Exists {
		return false, fmt.Errorf("unit %s not found", o.Name)
	}
	before := s.Units[o.Name]
	u := unit{Enabled: o.Enabled, Active: before.Active, Read: m.unitFile(o.Name)}
	again := false
	switch o.Action {
	case "":
	case "start":
		u.Active = true
	case "stop":
		u.Active = false
	case "restart":
		u.Active, again = true, true
	case "reload":
		if !before.Active {
			return false, fmt.Errorf("unit %s is not active", o.Name)
		}
		again = true
	default:
		return false, fmt.Errorf("%w: action %q", hosts.ErrUnsupported, o.Action)
	}
	s.Units[o.Name] = u
	return again || u.Enabled != before.Enabled || u.Active != before.Active, nil
}

func (s *state) loadModule(name string) bool {
	if s.Modules[name] {
		return false
	}
	s.Modules[name] = true
	if name == "nf_conntrack" {
		s.Sysctls["net.netfilter.nf_conntrack_max"] = "65536"
		s.Sysctls["net.netfilter.nf_conntrack_udp_timeout"] = "30"
		s.Sysctls["net.netfilter.nf_conntrack_udp_timeout_stream"] = "120"
	}
	return true
}

func (s *state) setSysctl(values map[string]string) (bool, error) {
	changed := false
	for name, value := range values {
		if strings.HasPrefix(name, "net.netfilter.nf_conntrack") && !s.Modules["nf_conntrack"] {
			return changed, fmt.Errorf("the kernel has no parameter %q", name)
		}
		value = strings.Join(strings.Fields(value), " ")
		changed = changed || s.Sysctls[name] != value
		s.Sysctls[name] = value
	}
	return changed, nil
}

// manifest reads the manifest from its file.
func (m *Machine) manifest() (hosts.Manifest, error) {
	data, err := os.ReadFile(m.at(hosts.ManifestPath))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hosts.Manifest{}, plain(err)
	}
	return hosts.DecodeManifest(data)
}

func (m *Machine) own(o hosts.Own) (bool, error) {
	before, err := m.manifest()
	if err != nil {
		return false, err
	}
	after, err := before.With(o)
	if err != nil {
		return false, err
	}
	return m.writeManifest(before, after)
}

// writeManifest writes after where it says something else than before.
func (m *Machine) writeManifest(before, after hosts.Manifest) (bool, error) {
	was, err := before.Encode()
	if err != nil {
		return false, err
	}
	is, err := after.Encode()
	if err != nil || slices.Equal(was, is) {
		return false, err
	}
	if err := os.MkdirAll(m.at(hosts.StateDirectory), 0o755); err != nil {
		return false, plain(err)
	}
	return true, plain(replace(m.at(hosts.ManifestPath), is))
}
