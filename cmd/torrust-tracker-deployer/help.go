package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/builtins"
)

// helpTemplate is how help looks, for the program and for each command.
const helpTemplate = `{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}usage: {{.UseLine}}
{{range $g := .Groups}}
{{$g.Title}}
{{range $.Commands}}{{if eq .GroupID $g.ID}}  {{rpad .Name 12}}{{.Short}}
{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}
flags
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
flags of every command
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if not .HasParent}}
A user's task is run by its name: ` + "`" + programName + ` TASK… ENV` + "`" + `.
ENV is the name of environments/ENV.star, or a path. ` + "`help NAME`" + ` explains a
command, a built-in of environment files such as vm, or a function of a library
such as tracker; ` + "`help TASK ENV`" + ` a task.
{{end}}`

// helpCommand explains a command or a built-in of the language.
func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [NAME [ENV]]",
		Short:   "Explain a command, a built-in, a library's function or a target",
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			if len(args) == 0 {
				root.InitDefaultHelpFlag()
				return root.Help()
			}
			name := args[0]
			if found, _, err := root.Find(args[:1]); err == nil && found != root {
				found.InitDefaultHelpFlag()
				return found.Help()
			}
			if len(args) > 1 {
				return p.helpTarget(c.Context(), args)
			}
			table := builtins.Table()
			if i := slices.IndexFunc(table, func(b builtins.Builtin) bool { return b.Name == name }); i >= 0 {
				return p.helpBuiltin(table[i])
			}
			if ok, err := p.helpOwn(c.Context(), name); ok {
				return err
			}
			return p.unknownTopic(name, table)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return p.environmentWords(word)
			}
			return withPrefix(p.topics(builtins.Table()), word), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func (p *program) topics(table []builtins.Builtin) []string {
	names := p.commandNames()
	for _, b := range table {
		names = append(names, b.Name)
	}
	return append(names, p.ownTopics()...)
}

func (p *program) unknownTopic(name string, table []builtins.Builtin) error {
	err := usage("no command, built-in, function or target is called %q", name)
	if s := builtins.Suggest(name, p.topics(table)); s != "" {
		return err.hint("did you mean %q?", s)
	}
	var names []string
	for _, b := range table {
		names = append(names, b.Name)
	}
	return err.hint("built-ins are %s", strings.Join(names, ", "))
}
