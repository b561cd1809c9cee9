package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/starlark/reference"
	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// stubsCommand writes what editors and other programs want to know about the
// language.
func (p *program) stubsCommand() *cobra.Command {
	var dir, as string
	c := &cobra.Command{
		Use:   "stubs",
		Short: "Write what editors need to know about environment files",
		Long: `stubs writes what can be called in an environment file, with types and docs,
into a directory. What it finds there under these names it replaces.

--as is one of

` + formsText(),
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unexpected %q", args[0]).hint("usage: %s", c.UseLine())
			}
			return p.writeForm(c.Context(), as, p.path(dir))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.Flags().StringVarP(&dir, "output", "o", "typings", "`DIR` to write into, made where it is missing")
	c.Flags().StringVar(&as, "as", "python", "`FORM`: "+strings.Join(formNames(), ", "))
	_ = c.RegisterFlagCompletionFunc("as", func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return withPrefix(formNames(), word), cobra.ShellCompDirectiveNoFileComp
	}) // the flag is there
	return c
}

func formNames() []string {
	var names []string
	for _, f := range reference.Forms() {
		names = append(names, f.Name)
	}
	return names
}

func formsText() string {
	var b strings.Builder
	for _, f := range reference.Forms() {
		fmt.Fprintf(&b, "  %-10s%s\n", f.Name, f.Doc)
	}
	return strings.TrimRight(b.String(), "\n")
}

// writeForm writes the files of a form into dir, each durably.
func (p *program) writeForm(ctx context.Context, name, dir string) error {
	forms := reference.Forms()
	i := slices.IndexFunc(forms, func(f reference.Form) bool { return f.Name == name })
	if i < 0 {
		return usage("unknown form %q", name).hint("one of %s", strings.Join(formNames(), ", "))
	}
	files, err := forms[i].Files()
	if err != nil {
		return err
	}
	unlock, err := durable.MakeAndLock(ctx, dir, 0o755)
	if err != nil {
		return err
	}
	defer unlock()
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = p.relative(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err := durable.WriteFile(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Data, 0o644); err != nil {
			return err
		}
	}
	if p.json {
		return writeDocument(p.Out, map[string]any{"files": names})
	}
	for _, n := range names {
		fmt.Fprintln(p.Out, n)
	}
	return nil
}
