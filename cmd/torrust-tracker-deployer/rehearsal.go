package main

import (
	"context"
	"net/netip"
	"path/filepath"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	simulatedhost "github.com/torrust/tracker-deployer/tasks/hosts/simulated"
	"github.com/torrust/tracker-deployer/tasks/probes"
	"github.com/torrust/tracker-deployer/tasks/providers/existing"
	"github.com/torrust/tracker-deployer/tasks/providers/simulated"
)

// A rehearsal is the outside world of a run that check makes: whatever an
// environment declares, its machines are simulated. Planner, executor and
// views are those of every other run; only the far end differs.
type rehearsal struct {
	directory string                     // machines are ENVIRONMENT/HOST below it; absolute
	called    func(machine, what string) // is told what a machine was given; several may call at once
	local     bool                       // virtual machines of this computer are as declared
}

// stands reports whether a machine is simulated in place of what the file
// declares. A nil rehearsal stands for nothing.
func (r *rehearsal) stands(h environments.Host) bool {
	return r != nil && !(r.local && h.Provider.QEMU != nil)
}

// standsFor is stands for a kind of machine.
func (r *rehearsal) standsFor(kind string) bool {
	return r != nil && !(r.local && kind == "qemu")
}

// base is what ids are derived from in place of the project's directory, which
// is another one in every rehearsal: "" leaves it at that.
func (r *rehearsal) base() string {
	if r == nil {
		return ""
	}
	return "rehearsal"
}

// A standIn is the provider of simulated machines that stand for others.
type standIn struct {
	rehearsal   *rehearsal
	environment string
	inner       *simulated.Provider
}

func (d *deployment) standIn(kind string) tasks.Provider {
	s := standIn{d.program.Rehearsal, d.env.Name, d.simulated()}
	if kind == "existing" {
		return standInExisting{s}
	}
	return s
}

// host returns h as the simulated machine that stands for it.
func (s standIn) host(h environments.Host) environments.Host {
	h.Provider = environments.Provider{Simulated: &environments.Simulated{
		Directory: filepath.Join(s.rehearsal.directory, s.environment, h.Name),
	}}
	return h
}

func (s standIn) called(h environments.Host, what string) {
	s.rehearsal.called(s.environment+"/"+h.Name, what)
}

// Status reads what the machine is.
func (s standIn) Status(ctx context.Context, h environments.Host) (tasks.Status, error) {
	return s.inner.Status(ctx, s.host(h))
}

// Ensure makes the machine or turns it on.
func (s standIn) Ensure(ctx context.Context, h environments.Host, _ func(string)) (tasks.Status, error) {
	before, err := s.Status(ctx, h)
	if err != nil {
		return before, err
	}
	switch before.State {
	case tasks.StateAbsent:
		s.called(h, "create the machine")
	case tasks.StateStopped:
		s.called(h, "start the machine")
	}
	return s.inner.Ensure(ctx, s.host(h), func(string) {})
}

// Stop turns the machine off.
func (s standIn) Stop(ctx context.Context, h environments.Host) error {
	s.called(h, "stop the machine")
	return s.inner.Stop(ctx, s.host(h))
}

// Remove deletes the machine.
func (s standIn) Remove(ctx context.Context, h environments.Host, keepData bool) error {
	s.called(h, "remove the machine")
	return s.inner.Remove(ctx, s.host(h), keepData)
}

// A standInExisting is that of machines which are there before anything is
// done: from the first look on, and after everything.
type standInExisting struct{ standIn }

// Status is that of a machine that runs. Its address is the declared one,
// where that is no name.
func (s standInExisting) Status(ctx context.Context, h environments.Host) (tasks.Status, error) {
	status, err := s.inner.Ensure(ctx, s.host(h), func(string) {})
	if a, perr := netip.ParseAddr(h.Provider.Existing.Address); perr == nil && err == nil {
		family, other := "ipv4", "ipv6"
		if a.Is6() {
			family, other = other, family
		}
		status.Outputs[family] = a.String()
		delete(status.Outputs, other)
	}
	return status, err
}

// Ensure is Status.
func (s standInExisting) Ensure(ctx context.Context, h environments.Host, _ func(string)) (tasks.Status, error) {
	return s.Status(ctx, h)
}

// Stop refuses, as for every existing machine.
func (s standInExisting) Stop(_ context.Context, h environments.Host) error {
	return &existing.CannotError{Host: h.Name, Act: "stop"}
}

// Remove does nothing, as for every existing machine.
func (s standInExisting) Remove(context.Context, environments.Host, bool) error { return nil }

// A watchedMachine is a simulated machine that tells the rehearsal what it
// was given.
type watchedMachine struct {
	*simulatedhost.Machine
	told func(what string)
}

// machine opens the simulated machine that stands for h.
func (r *rehearsal) machine(environment string, h environments.Host) (hosts.Machine, error) {
	m, err := simulatedhost.Open(filepath.Join(r.directory, environment, h.Name), h.Name, 0)
	if err != nil {
		return nil, err
	}
	return &watchedMachine{m, func(what string) { r.called(environment+"/"+h.Name, what) }}, nil
}

// Apply carries out operations and tells each that was tried.
func (m *watchedMachine) Apply(ctx context.Context, operations []hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	results, err := m.Machine.Apply(ctx, operations, progress)
	for i, r := range results {
		what := operations[i].Step()
		switch {
		case err != nil && i == len(results)-1:
			what += " (failed)"
		case !r.Changed:
			what += " (unchanged)"
		}
		m.told(what)
	}
	return results, err
}

// probe returns the action of a probe. Nothing answers on a machine that
// stands for another, and what has its address is not asked in its place.
func (d *deployment) probe(p environments.Probe) tasks.Action {
	if h, ok := d.env.Host(p.Host); ok && d.program.Rehearsal.stands(h) {
		return unasked{p}
	}
	return probes.New(p)
}

// unasked is a probe that is not asked.
type unasked struct{ environments.Probe }

// Run renders what would be asked, and says that it was not.
func (u unasked) Run(_ context.Context, with tasks.Surroundings) error {
	for _, v := range []*environments.Value{u.UDPTracker, u.HTTPTracker, u.HTTP, u.TCP} {
		if v == nil {
			continue
		}
		if _, err := v.Render(with.Scope.Lookup); err != nil {
			return err
		}
	}
	with.Progress("nothing answers on a simulated machine, so it was not asked")
	return nil
}
