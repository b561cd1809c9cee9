package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// powerCommand is start, stop or restart.
func (p *program) powerCommand(action, short string) *cobra.Command {
	c := &cobra.Command{
		Use:   action + " [HOST|SERVICE] ENV [KEY=VALUE…]",
		Short: short,
		Long: action + ` acts on a machine, on a service of one, or without a name on all machines.
What is stopped stays as it is otherwise; the next deploy starts it again.`,
		GroupID: groupChange,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 1)
			if err != nil {
				return err
			}
			d, err := p.open(c.Context(), w)
			if err != nil {
				return err
			}
			return d.power(c.Context(), action, w.names)
		},
		ValidArgsFunction: p.completeHostsAndServices,
	}
	c.Flags().BoolP("yes", "y", false, "accepted by every command that changes machines; this one never asks")
	return c
}

func (d *deployment) power(ctx context.Context, action string, names []string) error {
	subject, err := d.subject(names)
	if err != nil {
		return err
	}
	end, err := d.begin()
	if err != nil {
		return err
	}
	defer end()
	m := d.program.monitor()
	defer m.close()
	ctx, cancel := d.interruptible(ctx, m)
	defer cancel()
	if subject.service != nil {
		return d.step(m, "service:"+subject.service.Name, tasks.ActUpdate, func(progress func(string)) error {
			return d.powerService(ctx, action, *subject.service, progress)
		})
	}
	for _, h := range subject.hosts {
		err := d.step(m, "vm:"+h.Name, tasks.ActUpdate, func(progress func(string)) error {
			return d.powerHost(ctx, action, h, progress)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// step does one thing and emits the events that it begins and ends.
func (d *deployment) step(m *monitor, node string, act tasks.Act, do func(progress func(string)) error) error {
	start := time.Now()
	m.event(tasks.NodeStarted{Node: node, Act: act, At: start})
	err := do(func(line string) { m.event(tasks.NodeProgress{Node: node, Line: line}) })
	m.event(tasks.Ended(node, act, time.Since(start), err))
	if err != nil {
		wrong := &tasks.NodeError{Node: node, Cause: err}
		if n, ok := d.graph.Node(node); ok {
			wrong.Position = n.Position
		}
		err = wrong
	}
	return asInterrupted(err)
}

func (d *deployment) powerHost(ctx context.Context, action string, h environments.Host, progress func(string)) error {
	provider, err := d.provider(h.Provider.Kind())
	if err != nil {
		return err
	}
	if action != "start" {
		if err := provider.Stop(ctx, h); err != nil {
			return err
		}
	}
	if action == "stop" {
		return nil
	}
	s, err := provider.Status(ctx, h)
	if err != nil {
		return err
	}
	if s.State == tasks.StateAbsent {
		return usage("vm:%s is not there: %s", h.Name, s.Reason).hint("`%s provision %s` creates it", programName, d.env.Name)
	}
	_, err = provider.Ensure(ctx, h, progress)
	return err
}

func (d *deployment) powerService(ctx context.Context, action string, s environments.Service, progress func(string)) error {
	h, err := d.host(s.Host)
	if err != nil {
		return err
	}
	m, err := d.machine(ctx, h)
	if err != nil {
		return err
	}
	defer closeMachine(m)
	op := hosts.ComposeAction{Project: d.env.Name, Services: []string{s.Name}, Action: action}
	_, err = m.Apply(ctx, []hosts.Operation{op}, progress)
	return err
}

// A subject is what a name on the command line means: machines, or a service.
type subject struct {
	hosts   []environments.Host
	service *environments.Service
}

// subject resolves [HOST|SERVICE]; without a name it is every machine.
func (d *deployment) subject(names []string) (subject, error) {
	if len(names) == 0 {
		return subject{hosts: d.env.Hosts}, nil
	}
	name := names[0]
	h, isHost := d.env.Host(trimKind(name, "vm"))
	s, isService := d.env.Service(trimKind(name, "service"))
	switch {
	case isHost && isService:
		return subject{}, usage("%q is a host and a service", name).hint("say vm:%s or service:%s", name, name)
	case isHost:
		return subject{hosts: []environments.Host{h}}, nil
	case isService:
		return subject{service: &s}, nil
	}
	return subject{}, d.unknown("host or service", name, append(d.hostNames(), d.serviceNames()...))
}

// trimKind removes "KIND:" from a node id of that kind.
func trimKind(name, kind string) string { return strings.TrimPrefix(name, kind+":") }

// notRunning says why a host cannot be reached.
func notRunning(h environments.Host, s tasks.Status) error {
	text, next := fmt.Sprintf("it is %s", s.State), "start it first"
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.State == tasks.StateUnreachable {
		next = "see that it is up and answers on its ssh port"
	}
	cause := &hosts.StepError{Host: h.Name, Step: "connect", Cause: errors.New(text), Next: next}
	return &tasks.NodeError{Node: "vm:" + h.Name, Position: h.Position, Cause: cause}
}
