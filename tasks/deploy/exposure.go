package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// exposurePatience is how long silence is listened to.
const exposurePatience = 3 * time.Second

// exposure adds the probe that every host with services has: what a service
// publishes and the firewall does not open must be silent from outside.
func (b *builder) exposure(h environments.Host, services []environments.Service) {
	n := &tasks.Node{ID: "exposure:" + h.Name, Stage: tasks.StageTest, Host: h.Name, Position: h.Position}
	if q := h.Provider.QEMU; q != nil && q.Network == nil {
		n.Action = untested{"user-mode networking forwards only what is declared, so exposure was not tested"}
	} else {
		n.Action = b.silences(h, services)
	}
	needs := []string{"vm:" + h.Name, b.guardOf(h.Name)}
	for _, s := range services {
		needs = append(needs, "service:"+s.Name)
	}
	b.add(n, needs...)
}

// silences returns the probes of every port that has to be silent, on each
// address that the host has.
func (b *builder) silences(h environments.Host, services []environments.Service) tasks.Action {
	open := Ports(b.env, h.Name)
	var all allOf
	for _, s := range services {
		for _, p := range s.Ports {
			if slices.Contains(open[p.Proto], p.Port) {
				continue
			}
			all = append(all, b.options.Probe(silence(h, p)))
		}
	}
	return all
}

// silence is a probe that expects no answer from a port.
func silence(h environments.Host, p environments.Publish) environments.Probe {
	address := environments.Join(
		environments.Value{Kind: environments.Ref, Node: "vm:" + h.Name, Attribute: "ipv4"},
		environments.Text(fmt.Sprintf(":%d", p.Port)),
	)
	probe := environments.Probe{
		Declared: environments.Declared{Name: fmt.Sprintf("%s-%d", p.Proto, p.Port), Position: h.Position},
		Host:     h.Name, Expect: environments.Expect{Silent: true}, Timeout: int64(exposurePatience),
	}
	if p.Proto == "udp" {
		url := environments.Join(environments.Text("udp://"), address)
		probe.UDPTracker = &url
	} else {
		probe.TCP = &address
	}
	return probe
}

// allOf runs actions one after the other.
type allOf []tasks.Action

// Run stops at the first that fails.
func (a allOf) Run(ctx context.Context, with tasks.Surroundings) error {
	for _, action := range a {
		if err := action.Run(ctx, with); err != nil {
			return err
		}
	}
	return nil
}

// untested says why something was not tested.
type untested struct{ why string }

// Run reports it and succeeds.
func (u untested) Run(_ context.Context, with tasks.Surroundings) error {
	with.Progress(u.why)
	return nil
}
