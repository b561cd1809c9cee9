package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/layout"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// fmtCommand gives Starlark files their one layout.
func (p *program) fmtCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "fmt [PATH…|ENV…]",
		Short: "Give environment files and libraries one layout",
		Long: `fmt writes every Starlark file of the project in one layout, or the files,
directories and environments that are named. It changes white space, quotes and
commas, never the order of anything, and compares what a file means before it
writes. If one file cannot be parsed, none is written.

--check writes nothing, names the files that differ, with -v how, and exits
with 1 where there are any.`,
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			files, err := p.sources(args)
			if err != nil {
				return err
			}
			return p.layOut(c.Context(), files, check)
		},
		ValidArgsFunction: p.completeSources,
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing; exit with 1 when a file would change")
	return c
}

// completeSources completes names of environments and of files.
func (p *program) completeSources(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	return p.environmentWords(word)
}

// layOut formats files: all in memory first, so that either every file can be
// formatted or none is written.
func (p *program) layOut(ctx context.Context, files []sourceFile, check bool) error {
	var changed []sourceFile
	var before [][]byte
	var problems []environments.Problem
	for _, f := range files {
		out, err := layout.Format(f.file, f.data)
		if wrong, ok := errors.AsType[*eval.Error](err); ok {
			problems = append(problems, wrong.Problems...)
			continue
		} else if err != nil {
			return err
		}
		if !bytes.Equal(out, f.data) {
			before = append(before, f.data)
			f.data = out
			changed = append(changed, f)
		}
	}
	if len(problems) > 0 {
		return &eval.Error{Problems: problems}
	}
	names := make([]string, len(changed))
	for i, f := range changed {
		names[i] = p.relative(f.path())
		if !check {
			if err := rewrite(ctx, f); err != nil {
				return err
			}
		}
		if !p.json {
			fmt.Fprintln(p.Out, names[i])
		}
		if check && !p.json && p.verbose > 0 {
			diff := udiff.Unified(names[i], names[i], string(before[i]), string(f.data))
			planView{w: p.Out, style: p.style(p.Out)}.file(tasks.FileChange{Diff: diff})
		}
	}
	return p.laidOut(names, len(files), check)
}

// laidOut reports which of n files differ from their layout.
func (p *program) laidOut(names []string, n int, check bool) error {
	if p.json {
		document := struct {
			Files   int      `json:"files"`   // looked at
			Changed []string `json:"changed"` // or, with --check, to be changed
		}{n, names}
		if err := writeDocument(p.Out, document); err != nil {
			return err
		}
	}
	if !check {
		p.last = fmt.Sprintf("%d formatted, %d unchanged", len(names), n-len(names))
		return nil
	}
	p.last = fmt.Sprintf("%d to format, %d as they should be", len(names), n-len(names))
	if len(names) > 0 {
		return codeError(exitFailed)
	}
	return nil
}

// rewrite replaces a file durably. A link stays one: what it leads to is
// replaced. The mode stays.
func rewrite(ctx context.Context, f sourceFile) error {
	path, err := filepath.EvalSymlinks(f.path())
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	unlock, err := durable.Lock(ctx, filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	return durable.WriteFile(path, f.data, info.Mode().Perm())
}
