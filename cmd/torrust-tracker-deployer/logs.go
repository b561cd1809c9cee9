package main

import (
	"strconv"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
)

// logsCommand shows what a service wrote.
func (p *program) logsCommand() *cobra.Command {
	var follow bool
	var tail int
	c := &cobra.Command{
		Use:     "logs [SERVICE] ENV [KEY=VALUE…]",
		Short:   "Show what a service wrote",
		Long:    "logs shows the last lines that a service wrote. SERVICE may be left out where\nthere is one.",
		GroupID: groupReach,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 1)
			if err != nil {
				return err
			}
			d, err := p.open(c.Context(), w)
			if err != nil {
				return err
			}
			s, err := d.onlyService(w.names)
			if err != nil {
				return err
			}
			return d.execute(c.Context(), s.Host, logsArgv(d.env.Name, s.Name, follow, tail), true)
		},
		ValidArgsFunction: p.completeServices,
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted")
	c.Flags().IntVarP(&tail, "tail", "n", 100, "begin with the last `N` lines; 0 = all")
	return c
}

// logsArgv is the command that shows the logs of a compose service.
func logsArgv(project, service string, follow bool, tail int) []string {
	argv := []string{"docker", "compose", "--project-name", project, "logs", "--no-log-prefix", "--timestamps"}
	if follow {
		argv = append(argv, "--follow")
	}
	if tail > 0 {
		argv = append(argv, "--tail", strconv.Itoa(tail))
	}
	return append(argv, service)
}

// onlyService returns the service that is named, or the only one.
func (d *deployment) onlyService(names []string) (environments.Service, error) {
	if len(names) == 1 {
		s, ok := d.env.Service(trimKind(names[0], "service"))
		if !ok {
			return s, d.unknown("service", names[0], d.serviceNames())
		}
		return s, nil
	}
	switch all := d.env.Services; len(all) {
	case 1:
		return all[0], nil
	case 0:
		return environments.Service{}, usage("environment %q has no service", d.env.Name)
	default:
		return environments.Service{}, usage("which service of environment %q?", d.env.Name).hint("there are %s", joined(d.serviceNames()))
	}
}
