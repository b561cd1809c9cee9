package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// showCommand shows where everything is.
func (p *program) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show ENV [KEY=VALUE…]",
		Short:   "Show addresses, ports and URLs",
		Long:    "show asks the providers where the machines are and shows under which addresses\nthe services answer. It logs in nowhere and changes nothing.",
		GroupID: groupLook,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 0)
			if err != nil {
				return err
			}
			ctx, end := cancelledBySignals(c.Context())
			defer end()
			d, err := p.open(ctx, w)
			if err != nil {
				return err
			}
			r, err := d.shown(ctx)
			if err != nil {
				return err
			}
			if p.json {
				return writeDocument(p.Out, r)
			}
			p.showShown(r)
			return nil
		},
		ValidArgsFunction: p.completeEnvironments,
	}
}

// A shown environment is what show prints.
type shown struct {
	Environment string         `json:"environment"`
	ID          string         `json:"id"`
	Doc         string         `json:"doc,omitempty"`
	File        string         `json:"file"`
	Hosts       []shownHost    `json:"hosts"`
	Services    []shownService `json:"services"`
	URLs        []string       `json:"urls"` // what probes ask from outside
}

type shownHost struct {
	Name     string            `json:"name"`
	Provider string            `json:"provider"`
	State    tasks.State       `json:"state"`
	Reason   string            `json:"reason,omitempty"`
	SSH      string            `json:"ssh,omitempty"` // host:port
	Outputs  map[string]string `json:"outputs"`       // ipv4, ipv6, port:N
}

type shownService struct {
	Name      string   `json:"name"`
	Host      string   `json:"host"`
	Image     string   `json:"image"`
	Endpoints []string `json:"endpoints"` // PROTO://ADDRESS:PORT that the firewall lets in
}

func (d *deployment) shown(ctx context.Context) (shown, error) {
	r := shown{
		Environment: d.env.Name, ID: d.env.ID, Doc: d.env.Doc, File: d.file,
		Hosts: []shownHost{}, Services: []shownService{}, URLs: []string{},
	}
	outputs := map[string]map[string]string{}
	for _, h := range d.env.Hosts {
		s, err := d.status(ctx, h)
		if err != nil {
			return r, err
		}
		outputs["vm:"+h.Name] = s.Outputs
		host := shownHost{Name: h.Name, Provider: h.Provider.Kind(), State: s.State, Reason: s.Reason, SSH: s.Address, Outputs: s.Outputs}
		if host.Outputs == nil {
			host.Outputs = map[string]string{}
		}
		r.Hosts = append(r.Hosts, host)
	}
	for _, s := range d.env.Services {
		r.Services = append(r.Services, shownService{s.Name, s.Host, s.Image, d.endpoints(s, outputs["vm:"+s.Host])})
	}
	r.URLs = d.urls(outputs)
	return r, nil
}

// endpoints returns where a service answers from outside: its published ports
// that the firewall of its host lets in.
func (d *deployment) endpoints(s environments.Service, outputs map[string]string) []string {
	list := []string{}
	for _, p := range s.Ports {
		if p.Address != "" || !d.letIn(s.Host, p) {
			continue
		}
		port := strconv.Itoa(p.Port)
		if outside, ok := outputs["port:"+port]; ok {
			port = outside
		}
		for _, family := range []string{"ipv4", "ipv6"} {
			if address, ok := outputs[family]; ok {
				list = append(list, p.Proto+"://"+net.JoinHostPort(address, port))
			}
		}
	}
	return list
}

// letIn reports whether the firewall of a host has a rule for a port.
func (d *deployment) letIn(host string, p environments.Publish) bool {
	for _, f := range d.env.Firewalls {
		if f.Host == host && slices.ContainsFunc(f.Allow, func(r environments.Rule) bool {
			return r.Port == p.Port && r.Proto == p.Proto
		}) {
			return true
		}
	}
	return false
}

// urls returns what the probes ask from outside, with secrets masked; what is
// not known yet is left out.
func (d *deployment) urls(outputs map[string]map[string]string) []string {
	scope := &tasks.Scope{Outputs: func(node, attribute string) (string, bool) {
		v, ok := outputs[node][attribute]
		return v, ok
	}}
	list := []string{}
	for _, p := range d.env.Probes {
		if p.Inside || p.Expect.Silent {
			continue
		}
		for _, v := range []*environments.Value{p.UDPTracker, p.HTTPTracker, p.HTTP} {
			if v == nil {
				continue
			}
			url, err := v.Render(scope.Masked)
			if err == nil && !strings.Contains(url, "(known ") && !slices.Contains(list, url) {
				list = append(list, url)
			}
		}
	}
	return list
}

func (p *program) showShown(r shown) {
	style := p.style(p.Out)
	fmt.Fprintf(p.Out, "environment %s (id %s, %s)\n", style.bold(r.Environment), r.ID, r.File)
	if r.Doc != "" {
		fmt.Fprintln(p.Out, r.Doc)
	}
	for _, h := range r.Hosts {
		fmt.Fprintf(p.Out, "%s %s %s", style.bold("vm:"+h.Name), h.Provider, h.State)
		if h.Reason != "" {
			fmt.Fprintf(p.Out, ": %s", stripControl(h.Reason))
		}
		fmt.Fprintln(p.Out)
		if h.SSH != "" {
			fmt.Fprintf(p.Out, "  ssh %s\n", h.SSH)
		}
		for _, k := range sortedKeys(h.Outputs) {
			fmt.Fprintf(p.Out, "  %s\n", outputLine(k, h.Outputs[k]))
		}
	}
	for _, s := range r.Services {
		fmt.Fprintf(p.Out, "%s %s on %s\n", style.bold("service:"+s.Name), s.Image, s.Host)
		for _, e := range s.Endpoints {
			fmt.Fprintf(p.Out, "  %s\n", e)
		}
	}
	if len(r.URLs) > 0 {
		fmt.Fprintln(p.Out, style.bold("urls"))
		for _, u := range r.URLs {
			fmt.Fprintf(p.Out, "  %s\n", u)
		}
	}
}

func outputLine(key, value string) string {
	port, ok := strings.CutPrefix(key, "port:")
	switch {
	case !ok:
		return key + " " + value
	case port == value:
		return "port " + port
	default:
		return "port " + port + " is " + value + " here"
	}
}
