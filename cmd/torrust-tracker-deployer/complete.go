package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
)

// completeWithin bounds the evaluation of files for a completion: whoever
// pressed tab is waiting.
const completeWithin = 2 * time.Second

// completeEnvironments completes ENV alone.
func (p *program) completeEnvironments(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return p.completeSettings(args, word)
	}
	return p.environmentWords(word)
}

// environmentWords are the names of environments; a word that looks like a
// path is left to the shell.
func (p *program) environmentWords(word string) ([]string, cobra.ShellCompDirective) {
	if strings.ContainsRune(word, '/') {
		return []string{"star"}, cobra.ShellCompDirectiveFilterFileExt
	}
	root, ok := p.project()
	if !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return withPrefix(environmentsIn(root), word), cobra.ShellCompDirectiveNoFileComp
}

// completeSettings completes KEY=VALUE behind ENV: the arguments of the tasks
// that are named before it and the parameters of the file, each once.
func (p *program) completeSettings(args []string, word string) ([]string, cobra.ShellCompDirective) {
	plain := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.ContainsRune(a, '=') })
	if len(plain) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	add := func(name string, choices []string) {
		if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, name+"=") }) || slices.Contains(list, name+"=") {
			return
		}
		if len(choices) == 0 {
			list = append(list, name+"=")
		}
		for _, c := range choices {
			list = append(list, name+"="+c)
		}
	}
	for _, e := range p.evaluated(plain[len(plain)-1]) {
		for _, t := range e.Asked(plain[:len(plain)-1]) {
			for _, o := range t.Args {
				add(o.Name, values(o.Type, o.Choices))
			}
		}
		for _, q := range e.Params {
			add(q.Name, values(q.Type, q.Choices))
		}
	}
	return withPrefix(list, word), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// values returns what something of a type may be, as far as it can be listed.
func values(kind string, choices []string) []string {
	if kind == "bool" && len(choices) == 0 {
		return []string{"true", "false"}
	}
	return choices
}

// completeTargets completes TARGET… ENV: what comes before ENV is completed
// from all environments of the project, since ENV is not known yet.
func (p *program) completeTargets(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(args, word, func(e *environments.Environment) []string {
		var names []string
		if c.HasParent() {
			names = slices.Clone(stages)
		}
		return append(names, targetsOf(e)...)
	})
}

// targetsOf returns the names of the user's own targets.
func targetsOf(e *environments.Environment) []string {
	var names []string
	for _, t := range e.Tasks {
		names = append(names, t.Name)
	}
	for _, g := range e.Groups {
		names = append(names, g.Name)
	}
	return names
}

func (p *program) completeHosts(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(args, word, hostsOf)
}

func (p *program) completeServices(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(args, word, servicesOf)
}

func (p *program) completeHostsAndServices(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(args, word, func(e *environments.Environment) []string {
		return append(hostsOf(e), servicesOf(e)...)
	})
}

func hostsOf(e *environments.Environment) []string {
	var names []string
	for _, h := range e.Hosts {
		names = append(names, h.Name)
	}
	return names
}

func servicesOf(e *environments.Environment) []string {
	var names []string
	for _, s := range e.Services {
		names = append(names, s.Name)
	}
	return names
}

// completeNames completes the words up to ENV, and ENV itself.
func (p *program) completeNames(args []string, word string, of func(*environments.Environment) []string) ([]string, cobra.ShellCompDirective) {
	root, ok := p.project()
	if n := len(args); ok && n > 0 && (strings.ContainsRune(args[n-1], '=') || slices.Contains(environmentsIn(root), args[n-1])) {
		return p.completeSettings(args, word)
	}
	list, directive := p.environmentWords(word)
	if !ok || directive != cobra.ShellCompDirectiveNoFileComp {
		return list, directive
	}
	for _, e := range p.evaluated(environmentsIn(root)...) {
		list = append(list, withPrefix(of(e), word)...)
	}
	slices.Sort(list)
	return slices.Compact(list), directive
}

// evaluated returns the environments among names that evaluate in time.
func (p *program) evaluated(names ...string) []*environments.Environment {
	ctx, cancel := context.WithTimeout(context.Background(), completeWithin)
	defer cancel()
	silent := &program{streams: p.streams, globals: globals{quiet: true}}
	var list []*environments.Environment
	for _, n := range names {
		if l, err := silent.load(ctx, words{env: n}); err == nil {
			list = append(list, l.env)
		}
	}
	return list
}

func withPrefix(list []string, prefix string) []string {
	var out []string
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			out = append(out, s)
		}
	}
	return out
}

// describeCompletion puts cobra's own command into our words.
func describeCompletion(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "Print a script that completes commands, environments and targets in a shell"
			c.GroupID = groupWrite
		}
	}
}
