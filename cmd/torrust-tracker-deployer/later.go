package main

import (
	"errors"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// possible refuses, before anything is touched, a selection that reaches a
// machine with something that this version can declare, check and render, but
// not bring about. All of it is named, each at its declaration.
func (d *deployment) possible(s tasks.Selection) error {
	errs := []error{d.callable(s)}
	refuse := func(host string, what environments.Declared, fact, hint string) {
		if s.Nodes["vm:"+host] {
			errs = append(errs, at(what.Position, usage("%s", fact).hint("%s", hint)))
		}
	}
	const works = "validate, plan and render work with it; without it the rest can be deployed"
	for _, t := range d.env.TLS {
		refuse(t.Host, t.Declared, "tls \""+t.Name+"\": this version issues no certificates", works)
	}
	for _, b := range d.env.Backups {
		refuse(b.Host, b.Declared, "backup \""+b.Name+"\": this version takes no backups", works)
	}
	return errors.Join(errs...)
}

// callable refuses a selection with a machine whose state cannot even be asked
// for.
func (d *deployment) callable(s tasks.Selection) error {
	var errs []error
	for _, h := range d.env.Hosts {
		if h.Provider.Hetzner != nil && s.Nodes["vm:"+h.Name] && !d.program.Rehearsal.stands(h) {
			errs = append(errs, at(h.Position, usage("vm %q: this version does not call Hetzner Cloud", h.Name).
				hint("validate, graph and render work with it; a server that is there already is existing(address = …)")))
		}
	}
	return errors.Join(errs...)
}
