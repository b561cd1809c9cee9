package main

import (
	"fmt"

	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/deploy"
	"github.com/torrust/tracker-deployer/tasks/providers/existing"
	"github.com/torrust/tracker-deployer/tasks/providers/qemu"
	"github.com/torrust/tracker-deployer/tasks/providers/simulated"
)

// provider returns the provider of a kind of machine.
func (d *deployment) provider(kind string) (tasks.Provider, error) {
	if d.program.Rehearsal.standsFor(kind) {
		return d.standIn(kind), nil
	}
	switch kind {
	case "simulated":
		return d.simulated(), nil
	case "existing":
		return existing.New(existing.Config{Ports: d.ports}), nil
	case "qemu":
		return qemu.New(qemu.Config{
			Environment: d.env.ID, Root: d.root, Keys: d.vault, Ports: d.forwards,
			DataHome: d.program.dataDirectory(), CacheHome: d.program.cacheDirectory(),
		}), nil
	case "hetzner":
		return nil, usage("this version does not call Hetzner Cloud")
	}
	return nil, fmt.Errorf("machines of kind %q are not supported", kind)
}

func (d *deployment) simulated() *simulated.Provider {
	return simulated.New(simulated.Config{Environment: d.env.ID, Root: d.root, Ports: d.ports})
}

// forwards returns the ports of a virtual machine that have to be reachable
// from the operator's computer.
func (d *deployment) forwards(host string) []qemu.ForwardPort {
	var list []qemu.ForwardPort
	byProto := deploy.Ports(d.env, host)
	for _, proto := range []string{"tcp", "udp"} {
		for _, port := range byProto[proto] {
			list = append(list, qemu.ForwardPort{Proto: proto, Port: port})
		}
	}
	return list
}

// ports returns the ports that a host has to be reached at beside ssh.
func (d *deployment) ports(host string) []int {
	var ports []int
	byProto := deploy.Ports(d.env, host)
	for _, proto := range []string{"tcp", "udp"} {
		ports = append(ports, byProto[proto]...)
	}
	return ports
}
