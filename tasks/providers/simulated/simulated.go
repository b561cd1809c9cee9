// Package simulated is the provider of machines that are directories. What is
// in the directory beside machine.json belongs to the machine itself (package
// tasks/hosts/simulated); the provider only makes it, turns it on and off, and
// removes it.
//
// A directory is the provider's only when it holds machine.json. One that
// holds other things is refused, so that a wrong path in an environment file
// never costs anybody files.
package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

const (
	stateFile = "machine.json"
	// dataDirectory is what Remove keeps when it is told to, below the
	// directory: where services keep their data.
	dataDirectory = "root/opt/torrust-tracker-deployer/data"
)

// scripted returns the files with which a test prepares a machine; package
// tasks/hosts/simulated describes them.
func scripted() []string { return []string{"facts.json", "faults.json", "commands.json"} }

// Config says what the provider needs to know.
type Config struct {
	Environment string // id of the owner
	Root        string // project root, for relative directories
	// Ports returns the ports of a host whose "port:N" must be answered
	// beside that of ssh. Nil is none.
	Ports func(host string) []int
}

// A Provider looks after simulated machines.
type Provider struct{ config Config }

// New returns the provider.
func New(config Config) *Provider { return &Provider{config: config} }

// machine is the content of machine.json.
type machine struct {
	State       tasks.State `json:"state"` // running, stopped, or absent with its data kept
	Environment string      `json:"environment"`
	Host        string      `json:"host"`
}

// Directory returns where a host's machine is.
func (p *Provider) Directory(host environments.Host) (string, error) {
	s := host.Provider.Simulated
	if s == nil {
		return "", fmt.Errorf("vm %q: provider is %q, not simulated", host.Name, host.Provider.Kind())
	}
	dir := s.Directory
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.config.Root, dir)
	}
	if up, err := filepath.Rel(dir, p.config.Root); err == nil && up != ".." && !strings.HasPrefix(up, "../") {
		return "", fmt.Errorf("vm %q: directory %q contains the project", host.Name, s.Directory)
	}
	return dir, nil
}

// Status reads machine.json.
func (p *Provider) Status(_ context.Context, host environments.Host) (tasks.Status, error) {
	dir, err := p.Directory(host)
	if err != nil {
		return tasks.Status{}, err
	}
	m, err := p.read(dir, host.Name)
	if err != nil {
		return tasks.Status{}, err
	}
	return p.status(dir, host, m), nil
}

func (p *Provider) status(dir string, host environments.Host, m machine) tasks.Status {
	s := tasks.Status{State: m.State}
	switch m.State {
	case tasks.StateRunning:
		s.Outputs = p.outputs(host)
	case tasks.StateStopped:
		s.Reason = "it is switched off"
	default:
		s.Reason = "it was never made, or was removed"
		if _, err := os.Stat(filepath.Join(dir, dataDirectory)); err == nil {
			s.Kept = []string{"data"}
		}
	}
	return s
}

// outputs are addresses that are reserved for documentation (RFC 5737, RFC
// 3849), the same for a name on every computer.
func (p *Provider) outputs(host environments.Host) map[string]string {
	sum := fnv.New32a()
	sum.Write([]byte(host.Name))
	n := 1 + sum.Sum32()%254
	out := map[string]string{
		"ipv4": fmt.Sprintf("192.0.2.%d", n),
		"ipv6": fmt.Sprintf("2001:db8::%x", n),
	}
	ports := []int{22}
	if host.SSHPort != 0 {
		ports[0] = host.SSHPort
	}
	if p.config.Ports != nil {
		ports = append(ports, p.config.Ports(host.Name)...)
	}
	for _, port := range ports {
		out["port:"+strconv.Itoa(port)] = strconv.Itoa(port)
	}
	return out
}

// Ensure makes the directory or turns the machine on.
func (p *Provider) Ensure(ctx context.Context, host environments.Host, progress func(string)) (tasks.Status, error) {
	var s tasks.Status
	err := p.change(ctx, host, true, func(dir string, m machine) error {
		if m.State != tasks.StateRunning {
			if m.Host != "" && m.State == tasks.StateAbsent {
				if err := clear(dir, true); err != nil { // of a removal that was cut short
					return err
				}
			}
			progress("starting the simulated machine in " + host.Provider.Simulated.Directory)
			m = machine{State: tasks.StateRunning, Environment: p.config.Environment, Host: host.Name}
			if err := write(dir, m); err != nil {
				return err
			}
		}
		s = p.status(dir, host, m)
		return nil
	})
	return s, err
}

// Stop turns the machine off; one that is not running is fine.
func (p *Provider) Stop(ctx context.Context, host environments.Host) error {
	return p.change(ctx, host, false, func(dir string, m machine) error {
		if m.State != tasks.StateRunning {
			return nil
		}
		m.State = tasks.StateStopped
		return write(dir, m)
	})
}

// Remove deletes what the provider and the machine made, and the directory
// when that empties it; with keepData the services' data stay. Files with
// which a test prepared the machine stay too.
func (p *Provider) Remove(ctx context.Context, host environments.Host, keepData bool) error {
	return p.change(ctx, host, false, func(dir string, m machine) error {
		if m.Host == "" { // nothing here was ever made by a provider
			return nil
		}
		// First it is no machine any more, then its parts go, machine.json
		// last: what an interruption leaves is removed next time.
		m.State = tasks.StateAbsent
		if err := write(dir, m); err != nil {
			return err
		}
		if err := clear(dir, keepData); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, dataDirectory)); err == nil {
			return nil
		}
		if err := durable.Remove(filepath.Join(dir, stateFile)); err != nil {
			return err
		}
		if err := os.Remove(dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
		return nil
	})
}

// clear deletes the parts of a machine except machine.json and what a test
// prepared.
func clear(dir string, keepData bool) error {
	keep := []string{""}
	if _, err := os.Stat(filepath.Join(dir, dataDirectory)); err == nil && keepData {
		keep = append(strings.Split(dataDirectory, "/"), "")
	}
	return removeAllBut(dir, keep, append(scripted(), stateFile))
}

// removeAllBut deletes everything in dir except the names in others and what
// is below the path keep, whose last element is "".
func removeAllBut(dir string, keep, others []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case slices.Contains(others, e.Name()), e.Name() == keep[0] && keep[1] == "":
		case e.Name() == keep[0]:
			err = removeAllBut(path, keep[1:], nil)
		default:
			err = os.RemoveAll(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// change calls f with the machine as it is now, under the directory's lock.
// Without create a missing directory is nothing to do.
func (p *Provider) change(ctx context.Context, host environments.Host, create bool, f func(string, machine) error) error {
	dir, err := p.Directory(host)
	if err != nil {
		return err
	}
	lock := durable.Lock
	if create {
		lock = func(ctx context.Context, dir string) (func(), error) { return durable.MakeAndLock(ctx, dir, 0o755) }
	}
	unlock, err := lock(ctx, dir)
	if errors.Is(err, os.ErrNotExist) && !create {
		return nil
	}
	if err != nil {
		return fmt.Errorf("vm %q: %w", host.Name, err)
	}
	defer unlock()
	m, err := p.read(dir, host.Name)
	if err != nil {
		return err
	}
	if err := f(dir, m); err != nil {
		return fmt.Errorf("vm %q: %w", host.Name, err)
	}
	return nil
}

// read returns the machine in dir. A directory of somebody else, or of another
// environment, is an error.
func (p *Provider) read(dir, host string) (machine, error) {
	absent := machine{State: tasks.StateAbsent}
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return absent, p.free(dir, host)
	}
	if err != nil {
		return absent, fmt.Errorf("vm %q: %w", host, err)
	}
	var m machine
	if err := json.Unmarshal(content, &m); err != nil {
		return absent, fmt.Errorf("vm %q: %s: %w", host, filepath.Join(dir, stateFile), err)
	}
	if !slices.Contains([]tasks.State{tasks.StateRunning, tasks.StateStopped, tasks.StateAbsent}, m.State) {
		return absent, fmt.Errorf("vm %q: %s: state %q", host, filepath.Join(dir, stateFile), m.State)
	}
	owned := m.Environment == "" || m.Environment == p.config.Environment && m.Host == host
	if !owned && m.State != tasks.StateAbsent {
		return absent, fmt.Errorf("vm %q: %s is the machine %q of environment %q", host, dir, m.Host, m.Environment)
	}
	return m, nil
}

// free reports as an error that dir holds something that is not a machine's.
func (p *Provider) free(dir, host string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("vm %q: %w", host, err)
	}
	for _, e := range entries {
		allowed := append(scripted(), "root", "."+stateFile+".tmp")
		if !slices.Contains(allowed, e.Name()) {
			return fmt.Errorf("vm %q: directory %s holds %q and is no simulated machine", host, dir, e.Name())
		}
	}
	return nil
}

func write(dir string, m machine) error {
	content, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, stateFile), append(content, '\n'), 0o644)
}
