package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/deploy"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// A deployment is a loaded environment with everything that acts on it.
type deployment struct {
	loaded
	program *program
	vault   *vault.Vault
	secrets secrets
	graph   *tasks.Graph
	engine  *tasks.Engine
	writes  bool // machines and files may be changed
	past    recollection
	right   string // digest of compose files that were checked and are right, "" = none
}

// open loads the environment that w names and wires it up. Nothing is read
// but the project, nothing is written.
func (p *program) open(ctx context.Context, w words) (*deployment, error) {
	l, err := p.load(ctx, w)
	if err != nil {
		return nil, err
	}
	return p.wire(l)
}

// vaultOf opens the vault of the environment at a place.
func (p *program) vaultOf(at place) (*vault.Vault, error) {
	return vault.Open(vault.Options{
		AgeFile: at.beside(".age"), KnownHosts: at.beside(".known_hosts"), KeyFile: p.ageKey(), Identities: p.identities(),
		Directory: at.root, Getenv: p.Getenv, Stderr: p.Err, Passphrase: p.passphrase(),
		Notice: func(line string) { p.note("%s", line) },
	})
}

func (p *program) wire(l loaded) (*deployment, error) {
	d := &deployment{loaded: l, program: p}
	var err error
	if d.vault, err = p.vaultOf(l.place); err != nil {
		return nil, err
	}
	d.secrets = secrets{d.vault, l.env}
	learn := sync.OnceFunc(d.secrets.learn)
	p.hide = func() []string { learn(); return d.vault.Values() }
	d.graph, err = deploy.Graph(l.env, deploy.Options{
		ReadFile: d.readFile, Run: d.runLocally, Probe: d.probe,
	})
	if err != nil {
		return nil, usage("%w", err)
	}
	d.engine = &tasks.Engine{
		Name: l.env.Name, ID: l.env.ID, Secrets: d.secrets,
		Provider: d.provider, Connect: d.connect,
	}
	if d.engine.Files, err = d.files(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *deployment) journalPath() string {
	return filepath.Join(d.program.stateDirectory(d.env.ID), "journal")
}

// logDirectory holds what nodes said in the last runs.
func (d *deployment) logDirectory() string {
	return filepath.Join(d.program.stateDirectory(d.env.ID), "logs")
}

// look makes the deployment one that only looks: what earlier runs left is
// read, nothing is locked.
func (d *deployment) look() (err error) {
	d.engine.Records, err = tasks.ReadRecords(d.journalPath())
	if err != nil {
		return fmt.Errorf("the records of environment %q: %w", d.env.Name, err)
	}
	return nil
}

// begin makes the deployment one that writes: it takes the environment's
// lock. The returned function gives it back.
func (d *deployment) begin() (end func(), err error) {
	journal, records, same, err := d.past.ahead.OpenJournal(d.journalPath())
	if errors.Is(err, tasks.ErrBusy) {
		return nil, fmt.Errorf("environment %q: %w", d.env.Name, tasks.ErrBusy)
	}
	if err != nil {
		return nil, fmt.Errorf("the records of environment %q: %w", d.env.Name, err)
	}
	if same {
		d.engine.Files.Begin(d.past.sight)
	}
	d.engine.Journal, d.engine.Records, d.writes = journal, records, true
	return func() { _ = journal.Close() }, nil
}

// readFile reads a file of the project; nothing outside it is reached.
func (d *deployment) readFile(path string) ([]byte, error) {
	root, err := os.OpenRoot(d.root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(path)
}

// hosts returns the hosts that names mean, all of them without names.
func (d *deployment) host(name string) (environments.Host, error) {
	h, ok := d.env.Host(name)
	if !ok {
		return h, d.unknown("host", name, d.hostNames())
	}
	return h, nil
}

func (d *deployment) hostNames() []string {
	var names []string
	for _, h := range d.env.Hosts {
		names = append(names, h.Name)
	}
	return names
}

func (d *deployment) serviceNames() []string {
	var names []string
	for _, s := range d.env.Services {
		names = append(names, s.Name)
	}
	return names
}

// machine connects to a running host outside of a run.
func (d *deployment) machine(ctx context.Context, h environments.Host) (hosts.Machine, error) {
	s, err := d.status(ctx, h)
	if err != nil {
		return nil, err
	}
	if s.State != tasks.StateRunning {
		return nil, notRunning(h, s)
	}
	return d.connect(ctx, h, s, func(line string) { d.program.note("vm:%s: %s", h.Name, line) })
}

func (d *deployment) status(ctx context.Context, h environments.Host) (tasks.Status, error) {
	provider, err := d.provider(h.Provider.Kind())
	if err != nil {
		return tasks.Status{}, err
	}
	return provider.Status(ctx, h)
}

// closeMachine ends a connection that machine opened.
func closeMachine(m hosts.Machine) {
	if c, ok := m.(io.Closer); ok {
		_ = c.Close()
	}
}
