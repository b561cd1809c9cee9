package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
)

// listCommand shows what there is to name on the command line.
func (p *program) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list [ENV] [KEY=VALUE…]",
		Short:   "List the environments, or an environment's targets, hosts and services",
		Long:    "list without ENV shows the environments of the project. With one it shows its\ntargets with their arguments, its parameters, hosts and services. No machine\nis contacted.",
		GroupID: groupLook,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.listEnvironments()
			}
			w, err := parseUpTo(c, args, 0)
			if err != nil {
				return err
			}
			return p.listEnvironment(c.Context(), w)
		},
		ValidArgsFunction: p.completeEnvironments,
	}
}

func (p *program) listEnvironments() error {
	root, ok := p.project()
	if !ok {
		return usage("no directory environments here or above").hint("`%s create NAME` makes one", programName)
	}
	names := environmentsIn(root)
	if p.json {
		return writeDocument(p.Out, map[string]any{"environments": append([]string{}, names...)})
	}
	for _, n := range names {
		fmt.Fprintln(p.Out, n)
	}
	return nil
}

// A listing is what list shows of an environment.
type listing struct {
	Environment string       `json:"environment"`
	Doc         string       `json:"doc,omitempty"`
	Targets     []listed     `json:"targets"`
	Params      []listed     `json:"params"`
	Hosts       []listedHost `json:"hosts"`
	Services    []listed     `json:"services"`
}

type listed struct {
	Name string   `json:"name"`
	Doc  string   `json:"doc,omitempty"`
	Args []string `json:"args,omitempty"` // as one would write them
	Of   []string `json:"of,omitempty"`   // members of a group
}

type listedHost struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
}

func (p *program) listEnvironment(ctx context.Context, w words) error {
	l, err := p.load(ctx, w)
	if err != nil {
		return err
	}
	list := listingOf(l.env)
	if p.json {
		return writeDocument(p.Out, list)
	}
	p.showListing(list)
	return nil
}

func listingOf(env *environments.Environment) listing {
	l := listing{
		Environment: env.Name, Doc: env.Doc,
		Targets: []listed{}, Params: []listed{}, Hosts: []listedHost{}, Services: []listed{},
	}
	for _, s := range stageCommands {
		l.Targets = append(l.Targets, listed{Name: s.name, Doc: s.short})
	}
	for _, t := range env.Tasks {
		x := listed{Name: t.Name, Doc: t.Doc}
		for _, o := range t.Args {
			x.Args = append(x.Args, option(o))
		}
		l.Targets = append(l.Targets, x)
	}
	for _, g := range env.Groups {
		x := listed{Name: g.Name, Doc: g.Doc}
		for _, id := range g.Of {
			x.Of = append(x.Of, targetOf(id))
		}
		l.Targets = append(l.Targets, x)
	}
	for _, q := range env.Params {
		l.Params = append(l.Params, listed{Name: q.Name, Doc: q.Doc, Args: []string{q.Name + "=" + q.Value}})
	}
	for _, h := range env.Hosts {
		l.Hosts = append(l.Hosts, listedHost{h.Name, h.Provider.Kind()})
	}
	for _, s := range env.Services {
		l.Services = append(l.Services, listed{Name: s.Name, Doc: "on " + s.Host})
	}
	return l
}

// targetOf returns how a node is asked for: a task or a group by its name,
// other nodes by their id.
func targetOf(id string) string {
	if kind, name, _ := strings.Cut(id, ":"); kind == "task" || kind == "group" {
		return name
	}
	return id
}

// option prints an argument of a task as one would write it.
func option(o environments.Option) string {
	switch {
	case o.Default != nil:
		return o.Name + "=" + *o.Default
	case len(o.Choices) > 0:
		return o.Name + "=" + strings.Join(o.Choices, "|")
	default:
		return o.Name + "=" + strings.ToUpper(o.Type)
	}
}

func (p *program) showListing(l listing) {
	style := p.style(p.Out)
	if l.Doc != "" {
		fmt.Fprintf(p.Out, "%s\n\n", l.Doc)
	}
	section(p.Out, style.bold("targets"), l.Targets)
	section(p.Out, style.bold("parameters"), l.Params)
	var hosts []listed
	for _, h := range l.Hosts {
		hosts = append(hosts, listed{Name: h.Name, Doc: h.Provider})
	}
	section(p.Out, style.bold("hosts"), hosts)
	section(p.Out, style.bold("services"), l.Services)
}

// section prints a heading and a line for each entry; nothing without entries.
func section(w io.Writer, title string, entries []listed) {
	if len(entries) == 0 {
		return
	}
	fmt.Fprintln(w, title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		row := "  " + e.Name
		if args := strings.Join(e.Args, " "); args != "" {
			row = "  " + strings.TrimPrefix(args, e.Name+" ")
			if !strings.HasPrefix(args, e.Name+"=") {
				row = "  " + e.Name + " " + args
			}
		}
		doc := e.Doc
		if doc == "" && len(e.Of) > 0 {
			doc = joined(e.Of)
		}
		if doc != "" {
			row += "\t" + strings.Join(strings.Fields(doc), " ")
		}
		fmt.Fprintln(t, row)
	}
	_ = t.Flush() // to the same writer as everything else
}
