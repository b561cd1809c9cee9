package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/diagram"
)

// graphOptions say in which form a graph is wanted, and where.
type graphOptions struct {
	dot, html bool
	output    string // file, "" = standard output
	open      bool
}

// graphCommand shows the graph: for graphviz, as a page, or as JSON.
func (p *program) graphCommand() *cobra.Command {
	o := &graphOptions{}
	c := &cobra.Command{
		Use:   "graph [TARGET…] ENV [KEY=VALUE…]",
		Short: "Show what depends on what: as a page, or for graphviz",
		Long: `graph shows what depends on what, all of it or of the targets: for graphviz
(--dot), as JSON (--json), or as one page that needs nothing but itself (--html)
with the last run as a timeline. The end of FILE's name says which, too. No
machine is contacted.

  graph prod | dot -Tsvg > prod.svg
  graph prod -o prod.html
  graph prod --open`,
		GroupID: groupLook,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseNames(c, args)
			if err != nil {
				return err
			}
			return p.graph(c, w, o)
		},
		ValidArgsFunction: p.completeTargets,
	}
	f := c.Flags()
	f.BoolVar(&o.dot, "dot", false, "for graphviz (what there is without any of these)")
	f.BoolVar(&o.html, "html", false, "one page for a browser")
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE`: NAME.dot, NAME.html or NAME.json")
	f.BoolVar(&o.open, "open", false, "show the page in a browser")
	return c
}

func (p *program) graph(c *cobra.Command, w words, o *graphOptions) error {
	form, err := p.graphForm(o)
	if err != nil {
		return err
	}
	d, err := p.open(c.Context(), w)
	if err != nil {
		return err
	}
	var in map[string]bool
	if len(w.names) > 0 {
		s, err := d.choose(w.names, false)
		if err != nil {
			return err
		}
		in = s.Nodes
	}
	if err := d.look(); err != nil {
		return err
	}
	return p.putGraph(d.diagram(in), form, o)
}

// diagram returns the diagram of a set of nodes, nil for all, with what is
// known of the last run.
func (d *deployment) diagram(in map[string]bool) *diagram.Diagram {
	g := diagram.Of(d.graph, d.env, in)
	g.Last(d.engine.Records.Last())
	return g
}

// A graphForm writes a diagram in some form.
type graphForm func(io.Writer, *diagram.Diagram) error

// graphForms are the forms by the end of a file's name.
var graphForms = map[string]graphForm{
	".dot":  func(w io.Writer, g *diagram.Diagram) error { return g.Dot(w) },
	".html": func(w io.Writer, g *diagram.Diagram) error { return g.Page(w) },
	".json": func(w io.Writer, g *diagram.Diagram) error { return writeDocument(w, graphDocument(g)) },
}

// graphForm returns the form that the flags ask for; dot where they do not.
func (p *program) graphForm(o *graphOptions) (graphForm, error) {
	var asked []string
	for _, f := range []struct {
		name string
		on   bool
	}{{".dot", o.dot}, {".html", o.html || o.open}, {".json", p.json}} {
		if f.on {
			asked = append(asked, f.name)
		}
	}
	switch len(asked) {
	case 0:
		if o.output == "" {
			return graphForms[".dot"], nil
		}
		form, ok := graphForms[filepath.Ext(o.output)]
		if !ok {
			return nil, usage("%q does not say which form is meant", o.output).
				hint("a name ends with %s; or say --dot, --html or --json", joined(sortedKeys(graphForms)))
		}
		return form, nil
	case 1:
		return graphForms[asked[0]], nil
	}
	return nil, usage("a graph is written in one form, not as %s", strings.ReplaceAll(joined(asked), ".", ""))
}

// putGraph writes a diagram to where the flags say, and opens it.
func (p *program) putGraph(g *diagram.Diagram, form graphForm, o *graphOptions) error {
	path := p.path(o.output)
	if o.open && path == "" {
		path = filepath.Join(p.cacheDirectory(), "graph", g.Name+".html")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
	}
	if path == "" {
		return form(p.Out, g)
	}
	var b bytes.Buffer
	if err := form(&b, g); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("the graph: %w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("the graph: %w", err)
	}
	if !o.open {
		p.note("wrote %s", o.output)
		return nil
	}
	return p.browse(path)
}

// browse opens a page with the program that the desktop has for it; without
// one it prints where the page is.
func (p *program) browse(path string) error {
	program, err := exec.LookPath("xdg-open")
	if err == nil && p.getenv("DISPLAY")+p.getenv("WAYLAND_DISPLAY") != "" {
		err = exec.Command(program, path).Run()
		if err == nil {
			return nil
		}
	}
	_, err = fmt.Fprintln(p.Out, path)
	return err
}

// A graphNode is a node as graph --json prints it.
type graphNode struct {
	ID       string                `json:"id"`
	Stage    tasks.Stage           `json:"stage"`
	Host     string                `json:"host,omitempty"`
	Doc      string                `json:"doc,omitempty"`
	Position environments.Position `json:"position,omitzero"`
	Act      tasks.Act             `json:"act,omitempty"`
	Needs    []graphEdge           `json:"needs"`
}

type graphEdge struct {
	To       string                `json:"to"`
	Field    string                `json:"field"`
	Position environments.Position `json:"position,omitzero"`
}

// A graphRun is the last run as graph --json prints it.
type graphRun struct {
	Node  string  `json:"node"`
	Start string  `json:"start"`
	Took  float64 `json:"took"` // seconds
	OK    bool    `json:"ok"`
	// Critical nodes are those that decided how long the run took.
	Critical bool `json:"critical,omitempty"`
}

// graphDocument is a diagram as JSON.
func graphDocument(g *diagram.Diagram) any {
	d := struct {
		Environment string      `json:"environment"`
		Nodes       []graphNode `json:"nodes"` // dependencies first
		LastRun     []graphRun  `json:"lastRun,omitempty"`
	}{Environment: g.Name, Nodes: []graphNode{}}
	for _, n := range g.Nodes {
		x := graphNode{ID: n.ID, Stage: n.Stage, Host: n.Host, Doc: n.Doc, Position: n.Position, Act: n.Act(), Needs: []graphEdge{}}
		for _, e := range n.Needs {
			if _, ok := g.Node(e.To); ok {
				x.Needs = append(x.Needs, graphEdge{e.To, e.Field, e.Position})
			}
		}
		d.Nodes = append(d.Nodes, x)
	}
	if g.Run != nil {
		critical := g.Critical()
		for _, r := range g.Run.Nodes {
			d.LastRun = append(d.LastRun, graphRun{
				r.Node, r.Start.UTC().Format("2006-01-02T15:04:05.000Z07:00"), r.Took.Seconds(), r.OK, slices.Contains(critical, r.Node),
			})
		}
	}
	return d
}
