package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// A targetHelp is what help shows of a user's target.
type targetHelp struct {
	Target    string                `json:"target"`
	Doc       string                `json:"doc,omitempty"`
	Usage     string                `json:"usage"`
	Arguments []environments.Option `json:"arguments"`
	Needs     []string              `json:"needs"`          // node ids, each once
	Of        []string              `json:"of,omitempty"`   // members of a group
	Host      string                `json:"host,omitempty"` // "" = the operator's computer
	Declared  environments.Position `json:"declared"`
	Example   string                `json:"example"`
}

// helpTarget explains a task or a group: args are its name and ENV.
func (p *program) helpTarget(ctx context.Context, args []string) error {
	if len(args) > 2 {
		return usage("unexpected %q", args[2]).hint("usage: %s help NAME ENV", programName)
	}
	target, env := args[0], args[1]
	l, err := p.load(ctx, words{env: env})
	if err != nil {
		return err
	}
	h, ok := describeTarget(l.env, target)
	if !ok {
		err := usage("environment %q has no task and no group %q", l.env.Name, target)
		if s := builtins.Suggest(target, targetsOf(l.env)); s != "" {
			return err.hint("did you mean %q?", s)
		}
		return err.hint("%s list %s shows its targets", programName, env)
	}
	if p.json {
		return writeDocument(p.Out, h)
	}
	h.print(p.Out, p.style(p.Out))
	return nil
}

// helpOwn explains what is the user's own: a function of a library, or a
// target where ENV was left out, which goes without saying if the project has
// one environment. It reports false if there is no such thing.
func (p *program) helpOwn(ctx context.Context, name string) (bool, error) {
	if ok, err := p.helpLibrary(name); ok {
		return true, err
	}
	env, targets := p.onlyTargets()
	if !slices.Contains(targets, name) {
		return false, nil
	}
	return true, p.helpTarget(ctx, []string{name, env})
}

// ownTopics returns what helpOwn explains.
func (p *program) ownTopics() []string {
	_, targets := p.onlyTargets()
	return append(p.libraryNames(), targets...)
}

// onlyTargets returns the project's environment and its targets if it has
// exactly one.
func (p *program) onlyTargets() (env string, targets []string) {
	root, ok := p.project()
	if !ok {
		return "", nil
	}
	names := environmentsIn(root)
	if len(names) != 1 {
		return "", nil
	}
	for _, e := range p.evaluated(names[0]) {
		targets = append(targets, targetsOf(e)...)
	}
	return names[0], targets
}

// describeTarget returns the help of a task or a group.
func describeTarget(env *environments.Environment, name string) (targetHelp, bool) {
	h := targetHelp{Target: name, Arguments: []environments.Option{}, Needs: []string{}}
	if t, ok := env.Task(name); ok {
		h.Doc, h.Arguments, h.Host, h.Declared = t.Doc, append(h.Arguments, t.Args...), t.Host, t.Position
		h.Needs = append(h.Needs, t.Needs()...)
	} else if g, ok := env.Group(name); ok {
		h.Doc, h.Declared = g.Doc, g.Position
		for _, id := range g.Of {
			h.Of = append(h.Of, targetOf(id))
		}
		for _, t := range env.Asked([]string{name}) {
			for _, o := range t.Args {
				if !slices.ContainsFunc(h.Arguments, func(x environments.Option) bool { return x.Name == o.Name }) {
					h.Arguments = append(h.Arguments, o)
				}
			}
		}
	} else {
		return h, false
	}
	line := []string{programName, name, env.Name}
	h.Usage, h.Example = strings.Join(line, " "), strings.Join(line, " ")
	for _, o := range h.Arguments {
		word := o.Name + "=" + cmp.Or(strings.Join(o.Choices, "|"), strings.ToUpper(o.Type))
		if o.Default != nil {
			word = "[" + word + "]"
		}
		h.Usage += " " + word
		h.Example += " " + quoteWord(o.Name+"="+sample(o))
	}
	return h, true
}

// sample returns a value for an example: not the default where there is
// another one.
func sample(o environments.Option) string {
	for _, c := range values(o.Type, o.Choices) {
		if o.Default == nil || c != *o.Default {
			return c
		}
	}
	switch {
	case o.Default != nil:
		return *o.Default
	case o.Type == "int":
		return "1"
	default:
		return "…"
	}
}

// quoteWord writes a word so that a shell reads it as one.
func quoteWord(s string) string {
	if strings.ContainsAny(s, " \t\n'\"\\$`!*?[](){}<>|&;~#") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

func (h targetHelp) print(w io.Writer, s style) {
	fmt.Fprintln(w, s.bold(h.Target))
	if h.Doc != "" {
		fmt.Fprintln(w, strings.Join(strings.Fields(h.Doc), " "))
	}
	fmt.Fprintf(w, "\nusage: %s\n", h.Usage)
	printArguments(w, h.Arguments)
	fmt.Fprintln(w)
	switch {
	case h.Of != nil:
		fmt.Fprintf(w, "a group of %s\n", joined(h.Of))
	case h.Host != "":
		fmt.Fprintf(w, "runs on vm:%s\n", h.Host)
	}
	if len(h.Needs) > 0 {
		fmt.Fprintf(w, "needs %s\n", joined(h.Needs))
	}
	fmt.Fprintf(w, "declared at %s\n\nexample\n  %s\n", h.Declared, h.Example)
}

// printArguments prints a table of arguments; nothing without any.
func printArguments(w io.Writer, list []environments.Option) {
	if len(list) == 0 {
		return
	}
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, o := range list {
		presence := "required"
		if o.Default != nil {
			presence = "= " + *o.Default
		}
		kind := cmp.Or(strings.Join(o.Choices, "|"), o.Type)
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", o.Name, kind, presence, strings.Join(strings.Fields(o.Doc), " "))
	}
	_ = t.Flush() // to memory
	fmt.Fprintln(w, "\narguments")
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}
