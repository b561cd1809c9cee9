package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/deploy"
	"github.com/torrust/tracker-deployer/tasks/diagram"
	"github.com/torrust/tracker-deployer/tasks/probes"
)

// fewWays is how many of the shortest ways from a node to another are shown.
const fewWays = 3

// explainCommand answers why a node would change or run, or how it depends on
// another one.
func (p *program) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain TARGET [NODE] ENV [KEY=VALUE…]",
		Short: "Say why TARGET would change or run, or how it depends on NODE",
		Long: `explain TARGET ENV looks at the machines and says what differs from the file,
or for a task what has changed since it ran. It changes nothing.

explain TARGET NODE ENV says how TARGET depends on NODE: the shortest ways, with
the field and the place of every step. No machine is contacted.

Both are nodes such as service:NAME, as plan shows them; NAME alone will do
where it means one thing.`,
		GroupID: groupLook,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 2)
			if err != nil {
				return err
			}
			switch len(w.names) {
			case 0:
				return usage("what is to be explained of environment %q?", w.env).hint("usage: %s", c.UseLine())
			case 1:
				return p.explainTarget(c.Context(), w)
			default:
				return p.explainWays(c.Context(), w)
			}
		},
		ValidArgsFunction: p.completeNodes,
	}
}

// An explainedLink is a step of a way as explain --json prints it.
type explainedLink struct {
	From     string                `json:"from"`
	To       string                `json:"to"`
	Field    string                `json:"field"`
	Position environments.Position `json:"position,omitzero"`
}

// An explainedWay is what explain A B --json prints.
type explainedWay struct {
	From    string            `json:"from"`
	To      string            `json:"to"`
	Depends bool              `json:"depends"`           // from on to
	Ways    [][]explainedLink `json:"ways"`              // shortest, the first few
	Count   int               `json:"count"`             // of shortest ways, at most 1000
	Reverse [][]explainedLink `json:"reverse,omitempty"` // by which to depends on from
}

// explainWays says how one node depends on another.
func (p *program) explainWays(ctx context.Context, w words) error {
	load := w
	load.names = nil // nodes, whose arguments do not matter
	d, err := p.open(ctx, load)
	if err != nil {
		return err
	}
	from, err := d.nodeCalled(w.names[0])
	if err != nil {
		return err
	}
	to, err := d.nodeCalled(w.names[1])
	if err != nil {
		return err
	}
	if from == to {
		return usage("%s and %s are one node", w.names[0], w.names[1]).hint("`%s explain %s %s` says why it would change", programName, from, w.env)
	}
	all := diagram.Of(d.graph, d.env, nil)
	e := explainedWay{From: from, To: to}
	ways, count := all.Ways(from, to, fewWays)
	e.Ways, e.Count, e.Depends = explainedLinks(ways), count, count > 0
	var reverse []diagram.Way
	if !e.Depends {
		reverse, _ = all.Ways(to, from, 1)
		e.Reverse = explainedLinks(reverse)
	}
	if p.json {
		return writeDocument(p.Out, e)
	}
	p.showWays(e)
	return nil
}

func explainedLinks(ways []diagram.Way) [][]explainedLink {
	list := make([][]explainedLink, len(ways))
	for i, w := range ways {
		for _, l := range w {
			list[i] = append(list[i], explainedLink{l.From, l.To, l.Field, l.Position})
		}
	}
	return list
}

func (p *program) showWays(e explainedWay) {
	bold := p.style(p.Out).bold
	switch {
	case e.Depends:
		fmt.Fprintf(p.Out, "%s depends on %s\n", bold(e.From), bold(e.To))
		p.showLinks(e.Ways)
		if more := e.Count - len(e.Ways); more > 0 {
			fmt.Fprintf(p.Out, "%s\n", p.style(p.Out).dim(fmt.Sprintf("and %d more ways as short", more)))
		}
	case len(e.Reverse) > 0:
		fmt.Fprintf(p.Out, "%s does not depend on %s; it is the other way round\n", bold(e.From), bold(e.To))
		p.showLinks(e.Reverse)
	default:
		fmt.Fprintf(p.Out, "%s does not depend on %s, nor the other way round\n", bold(e.From), bold(e.To))
	}
}

// showLinks prints ways, one step a line, in columns.
func (p *program) showLinks(ways [][]explainedLink) {
	style := p.style(p.Out)
	step, field := 0, 0
	for _, w := range ways {
		for _, l := range w {
			step, field = max(step, len(l.From+l.To)), max(field, len(l.Field))
		}
	}
	for i, w := range ways {
		if i > 0 {
			fmt.Fprintln(p.Out, "or")
		}
		for _, l := range w {
			gap := strings.Repeat(" ", step-len(l.From+l.To))
			fmt.Fprintf(p.Out, "  %s → %s%s  %-*s  %s\n", l.From, l.To, gap, field, l.Field, style.dim(l.Position.String()))
		}
	}
}

// declaredKinds are the kinds of nodes that a file declares by name; the
// others come with them.
var declaredKinds = []string{"task", "group", "service", "vm", "file", "firewall", "probe"}

// nodeCalled returns the node that a word means: an id, or a name that one
// declared thing has.
func (d *deployment) nodeCalled(word string) (string, error) {
	if _, ok := d.graph.Node(word); ok {
		return word, nil
	}
	var found []string
	for _, kind := range declaredKinds {
		if _, ok := d.graph.Node(kind + ":" + word); ok {
			found = append(found, kind+":"+word)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", d.unknownNode(word)
	}
	return "", usage("%q may mean %s", word, joined(found)).hint("say which, with its kind")
}

func (d *deployment) unknownNode(word string) error {
	err := usage("environment %q has no node %q", d.env.Name, word)
	if s := builtins.Suggest(word, slices.Concat(d.graph.Order(), namesOf(d.graph.Order()))); s != "" {
		return err.hint("did you mean %q?", s)
	}
	return err.hint("`%s graph %s` shows all of them", programName, d.env.Name)
}

// namesOf returns what stands behind the colons of ids.
func namesOf(ids []string) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		_, list[i], _ = strings.Cut(id, ":")
	}
	return list
}

// completeNodes completes nodes, by id and where it is enough by name, and ENV.
func (p *program) completeNodes(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(args, word, func(e *environments.Environment) []string {
		g, err := deploy.Graph(e, deploy.Options{Probe: probes.New})
		if err != nil {
			return nil
		}
		return append(g.Order(), g.Targets()...)
	})
}
