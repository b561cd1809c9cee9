package simulated

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A state is what a machine is beside its files.
type state struct {
	Counter    int                    `json:"counter"` // of everything that gets an id
	Files      map[string]meta        `json:"files"`
	Packages   map[string]string      `json:"packages"`
	Units      map[string]unit        `json:"units"`
	Modules    map[string]bool        `json:"modules"`
	Sysctls    map[string]string      `json:"sysctls"`
	Firewall   map[string]table       `json:"firewall"`
	Images     map[string]hosts.Image `json:"images"`
	Containers []container            `json:"containers"`
}

type meta struct {
	Mode  string `json:"mode"`
	Owner string `json:"owner"`
	Group string `json:"group"`
}

type unit struct {
	Enabled bool   `json:"enabled"`
	Active  bool   `json:"active"`
	Read    string `json:"read,omitempty"` // digest of its file when systemd read it
}

type container struct {
	Project    string          `json:"project"`
	Definition string          `json:"definition"` // digest of the service's definition
	Container  hosts.Container `json:"container"`
}

func (m *Machine) load() (*state, error) {
	s := &state{
		Files:    map[string]meta{},
		Packages: map[string]string{"openssh-server": "1:10.0p1-7", "sudo": "1.9.16p2-3", "systemd": "257.7-1"},
		Units:    map[string]unit{"ssh.service": {Enabled: true, Active: true}},
		Modules:  map[string]bool{},
		Sysctls:  map[string]string{"net.ipv4.ip_forward": "0", "net.core.rmem_max": "212992"},
		Firewall: map[string]table{},
		Images:   map[string]hosts.Image{},
	}
	if err := m.readJSON("state.json", s); err != nil {
		return nil, err
	}
	return s, m.revertOverdue(s, time.Now())
}

func (m *Machine) save(s *state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if was, err := os.ReadFile(filepath.Join(m.dir, "state.json")); err == nil && bytes.Equal(was, data) {
		return nil
	}
	return replace(filepath.Join(m.dir, "state.json"), data)
}

// replace makes name a file with these bytes, by rename. The temporary file
// always has the same name: one that a killed run left is gone with the next.
func replace(name string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".tmp")
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// next returns the next id of 64 hexadecimal digits.
func (s *state) next() string {
	s.Counter++
	return digest([]byte(fmt.Sprintf("simulated %d", s.Counter)))
}

// now returns the machine's own time: a second per counted event.
func (s *state) now() string {
	return time.Date(2026, 1, 1, 0, 0, s.Counter, 0, time.UTC).Format(time.RFC3339)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// answer returns the fact for one query.
func (m *Machine) answer(s *state, query hosts.Query) (hosts.Fact, error) {
	switch q := query.(type) {
	case hosts.SystemQuery:
		return m.system(s)
	case hosts.FileQuery:
		return m.file(s, q)
	case hosts.PackageQuery:
		return &hosts.PackageFact{Versions: pick(s.Packages, q.Names)}, nil
	case hosts.UnitQuery:
		return m.unit(s, q.Name), nil
	case hosts.SysctlQuery:
		return &hosts.SysctlFact{Values: pick(s.Sysctls, q.Names)}, nil
	case hosts.FirewallQuery:
		return s.firewall(q), nil
	case hosts.ComposeQuery:
		return s.compose(q.Project), nil
	case hosts.ImageQuery:
		return &hosts.ImageFact{Images: pick(s.Images, q.References)}, nil
	case hosts.ManifestQuery:
		manifest, err := m.manifest()
		return &manifest, err
	}
	return nil, fmt.Errorf("%w: query %T", hosts.ErrUnsupported, query)
}

// pick returns the entries of all that are asked for.
func pick[V any](all map[string]V, names []string) map[string]V {
	some := map[string]V{}
	for _, name := range names {
		if v, ok := all[name]; ok {
			some[name] = v
		}
	}
	return some
}

// operate carries out one operation on s and the files.
func (m *Machine) operate(s *state, operation hosts.Operation, progress func(string)) (hosts.Result, error) {
	changed := func(did bool, err error) (hosts.Result, error) {
		return hosts.Result{Changed: did}, err
	}
	switch o := operation.(type) {
	case hosts.WriteFile:
		return changed(m.writeFile(s, o))
	case hosts.MakeDirectory:
		return changed(m.makeDirectory(s, o))
	case hosts.Remove:
		return changed(m.remove(s, o.Path))
	case hosts.Move:
		return changed(m.move(s, o))
	case hosts.InstallPackages:
		return changed(s.install(o, progress), nil)
	case hosts.SetUnit:
		return changed(m.setUnit(s, o))
	case hosts.LoadModule:
		return changed(s.loadModule(o.Name), nil)
	case hosts.SetSysctl:
		return changed(s.setSysctl(o.Values))
	case hosts.ApplyFirewall:
		return changed(m.applyFirewall(s, o))
	case hosts.ConfirmFirewall:
		return changed(s.confirmFirewall(o.Table))
	case hosts.DropFirewall:
		return changed(m.dropFirewall(s, o.Table))
	case hosts.FlushConntrack:
		return hosts.Result{}, nil
	case hosts.PullImage:
		return m.pull(s, o, progress)
	case hosts.ComposeUp:
		return changed(m.composeUp(s, o, progress))
	case hosts.ComposeDown:
		return changed(s.composeDown(o), nil)
	case hosts.ComposeAction:
		return changed(s.composeAction(o))
	case hosts.ComposeReload:
		return m.composeReload(s, o, progress)
	case hosts.Own:
		return changed(m.own(o))
	case hosts.SaveRelease:
		return m.saveRelease(o)
	case hosts.Run:
		return m.run(o, progress)
	}
	return hosts.Result{}, fmt.Errorf("%w: operation %T", hosts.ErrUnsupported, operation)
}
