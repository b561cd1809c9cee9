package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// The commands that run a stage of a deployment, and deploy, which is all of
// them.
var stageCommands = []struct{ name, short, long string }{
	{"deploy", "Make machines and services what the file declares, then test", `deploy provisions, configures, releases and runs everything that the file
declares, and then tests it if anything changed. What is as declared is left
alone: a second deploy changes nothing. It asks where something is removed or
replaced.`},
	{"provision", "Create or start the machines", "provision creates the machines that are not there and starts those that are\nstopped."},
	{"configure", "Prepare the machines: packages, docker, kernel, firewall, files", "configure provisions, and prepares the machines."},
	{"release", "Put configuration and images on the machines", "release provisions and configures, puts configuration and images on the\nmachines and keeps a copy of the release."},
	{"run", "Start the services and wait until they are healthy", "run does what comes before it, starts the services and waits until they are\nhealthy."},
	{"test", "Ask the services whether they work", "test does what comes before it and runs every probe."},
}

func (p *program) stageCommand(name, short, long string) *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:     name + " [TARGET…] ENV [KEY=VALUE…]",
		Short:   short,
		Long:    long,
		GroupID: groupChange,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains([]string{"always", "never", "changed"}, o.test) && o.test != "" {
				return usage("unknown --test %q", o.test).hint("always, never or changed")
			}
			return p.runTargets(c, []string{name}, args, o)
		},
		ValidArgsFunction: p.completeTargets,
	}
	o.flags(c)
	if name == "deploy" {
		c.Flags().StringVar(&o.test, "test", "changed", "`WHEN` to test afterwards: always, never or changed")
		c.Flags().StringArrayVar(&o.prune, "prune", nil, "delete the data of `KIND:NAME`, which nothing declares any more (repeatable)")
	}
	return c
}
