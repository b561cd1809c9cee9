package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// cacheCommand is about what the program remembers of tasks.
func (p *program) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "cache",
		Short:   "Look after what is remembered of tasks",
		GroupID: groupWrite,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "prune [ENV]",
		Short: "Forget tasks that are not declared any more, and all logs but the last",
		Long: `cache prune drops what is recorded of tasks and other nodes that the file does
not declare any more, and the logs of all runs but the last one: of ENV, or of
every environment of the project. Nothing that is declared runs again for it.`,
		RunE: func(c *cobra.Command, args []string) error {
			names := args
			if len(args) == 0 {
				root, ok := p.project()
				if !ok {
					return usage("no directory environments here or above").hint("`%s create NAME` makes one", programName)
				}
				names = environmentsIn(root)
			}
			if len(args) > 1 {
				return usage("cache prune takes one environment, not %d", len(args)).hint("usage: %s", c.UseLine())
			}
			var errs []error
			for _, name := range names {
				errs = append(errs, p.pruneCache(c.Context(), name))
			}
			return errors.Join(errs...)
		},
		ValidArgsFunction: p.completeEnvironments,
	})
	return c
}

// A pruned is what cache prune took away, as --json prints it.
type pruned struct {
	Environment string   `json:"environment"`
	Records     []string `json:"records"` // nodes
	Logs        []string `json:"logs"`    // names of files
}

// pruneCache prunes one environment and says what is gone.
func (p *program) pruneCache(ctx context.Context, name string) error {
	d, err := p.open(ctx, words{env: name})
	if err != nil {
		return err
	}
	gone := pruned{Environment: d.env.Name, Records: []string{}, Logs: []string{}}
	path := d.journalPath()
	if _, err := os.Stat(path); err == nil {
		end, err := d.begin()
		if err != nil {
			return err
		}
		defer end()
		declared := func(node string) bool { _, ok := d.graph.Node(node); return ok }
		ids, err := d.engine.Journal.Prune(path, &d.engine.Records, declared)
		if err != nil {
			return fmt.Errorf("the records of environment %q: %w", d.env.Name, err)
		}
		gone.Records = append(gone.Records, ids...)
	}
	logs, err := pruneLogs(d.logDirectory(), 1)
	gone.Logs = append(gone.Logs, logs...)
	if err != nil {
		return fmt.Errorf("the logs of environment %q: %w", d.env.Name, err)
	}
	if p.json {
		return writeDocument(p.Out, gone)
	}
	p.showPruned(gone)
	return nil
}

func (p *program) showPruned(gone pruned) {
	bold := p.style(p.Out).bold(gone.Environment)
	if len(gone.Records)+len(gone.Logs) == 0 {
		fmt.Fprintf(p.Out, "%s: nothing to forget\n", bold)
		return
	}
	for _, id := range gone.Records {
		fmt.Fprintf(p.Out, "%s: forgot %s\n", bold, id)
	}
	for _, name := range gone.Logs {
		fmt.Fprintf(p.Out, "%s: removed %s\n", bold, name)
	}
}
