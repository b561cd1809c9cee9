package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/tasks"
)

// statusCommand is a plan of everything, summarised by machine and service.
func (p *program) statusCommand() *cobra.Command {
	var pending bool
	c := &cobra.Command{
		Use:     "status ENV [KEY=VALUE…]",
		Short:   "Show the machines and services, and what differs from the file",
		Long:    "status looks at the machines and shows, for each, whether it and its services\nare as the file declares. It changes nothing.",
		GroupID: groupLook,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 0)
			if err != nil {
				return err
			}
			return p.withPlan(c.Context(), w, false, func(plan *tasks.Plan, d *deployment) error {
				report := summarise(plan, d)
				if p.json {
					if err := writeDocument(p.Out, report); err != nil {
						return err
					}
				} else {
					p.showStatus(report)
				}
				return d.pendingCode(plan, pending)
			})
		},
		ValidArgsFunction: p.completeEnvironments,
	}
	c.Flags().BoolVar(&pending, "exit-code", false, "exit with 3 when something differs")
	return c
}

// A statusReport is what status shows.
type statusReport struct {
	Environment string       `json:"environment"`
	ID          string       `json:"id"`
	Hosts       []hostReport `json:"hosts"`
	AsDeclared  int          `json:"asDeclared"`
	Differ      int          `json:"differ"`
	Unfinished  []string     `json:"unfinished"` // left half-done by an earlier run
}

type hostReport struct {
	Host     string       `json:"host"`
	State    tasks.State  `json:"state"`
	Reason   string       `json:"reason,omitempty"`
	Services []nodeReport `json:"services"`
	Differ   []nodeReport `json:"differ"` // everything but services
}

type nodeReport struct {
	Node   string    `json:"node"`
	Act    tasks.Act `json:"act"` // what it takes
	Reason string    `json:"reason,omitempty"`
}

func summarise(plan *tasks.Plan, d *deployment) statusReport {
	r := statusReport{Environment: plan.Environment, ID: plan.ID, Hosts: []hostReport{}, Unfinished: []string{}}
	for id := range d.engine.Records.Pending {
		if n, ok := d.graph.Node(id); !ok || n.Action == nil { // tasks and probes leave nothing half-done
			r.Unfinished = append(r.Unfinished, id)
		}
	}
	slices.Sort(r.Unfinished)
	for _, h := range plan.Hosts {
		report := hostReport{Host: h.Host, State: h.State, Reason: h.Reason, Services: []nodeReport{}, Differ: []nodeReport{}}
		for _, s := range plan.Steps {
			if s.Host != h.Host && s.Node != "vm:"+h.Host || s.Act == tasks.ActRun {
				continue
			}
			node := nodeReport{s.Node, s.Act, s.Reason}
			if strings.HasPrefix(s.Node, "service:") {
				report.Services = append(report.Services, node)
			} else if s.Act != tasks.ActNone {
				report.Differ = append(report.Differ, node)
			}
		}
		r.Hosts = append(r.Hosts, report)
	}
	for _, s := range plan.Steps {
		switch s.Act {
		case tasks.ActNone:
			r.AsDeclared++
		case tasks.ActRun:
		default:
			r.Differ++
		}
	}
	return r
}

// needs are the words for what a node of a status needs.
var needs = map[tasks.Act]string{
	tasks.ActNone: "as declared", tasks.ActCreate: "missing", tasks.ActUpdate: "differs",
	tasks.ActReplace: "has to be replaced", tasks.ActDelete: "not declared any more", tasks.ActUnknown: "unknown",
}

func (p *program) showStatus(r statusReport) {
	style := p.style(p.Out)
	fmt.Fprintf(p.Out, "environment %s (id %s)\n", style.bold(r.Environment), r.ID)
	for _, h := range r.Hosts {
		text := string(h.State)
		if h.Reason != "" {
			text += ": " + stripControl(h.Reason)
		}
		fmt.Fprintf(p.Out, "%s %s\n", style.bold("vm:"+h.Host), text)
		for _, s := range slices.Concat(h.Services, h.Differ) {
			if s.Node == "vm:"+h.Host && s.Reason == h.Reason {
				continue // said already
			}
			text := needs[s.Act]
			if s.Reason != "" && s.Act != tasks.ActUnknown { // above, once for the machine
				text += ": " + stripControl(s.Reason)
			}
			fmt.Fprintf(p.Out, "  %s %s\n", s.Node, style.act(s.Act, text))
		}
	}
	if len(r.Unfinished) > 0 {
		fmt.Fprintf(p.Out, "left half-done by an earlier run: %s\n", strings.Join(r.Unfinished, ", "))
	}
	fmt.Fprintf(p.Out, "%d as declared, %d differ\n", r.AsDeclared, r.Differ)
}
