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
		return p.completeParams(args[len(args)-1], word)
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

// completeParams completes KEY=VALUE behind ENV.
func (p *program) completeParams(env, word string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for _, e := range p.evaluated(env) {
		for _, q := range e.Params {
			if len(q.Choices) == 0 {
				list = append(list, q.Name+"=")
			}
			for _, c := range q.Choices {
				list = append(list, q.Name+"="+c)
			}
		}
	}
	return withPrefix(list, word), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeTargets completes TARGET… ENV: what comes before ENV is completed
// from all environments of the project, since ENV is not known yet.
func (p *program) completeTargets(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(args, word, func(e *environments.Environment) []string {
		var names []string
		if c.HasParent() {
			names = slices.Clone(stages)
		}
		for _, t := range e.Tasks {
			names = append(names, t.Name)
		}
		return names
	})
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
	if n := len(args); ok && n > 0 && slices.Contains(environmentsIn(root), args[n-1]) {
		return p.completeParams(args[n-1], word)
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
