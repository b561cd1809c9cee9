package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/lint"
)

// lintCommand shows what is allowed in a file but probably not meant.
func (p *program) lintCommand() *cobra.Command {
	var code string
	c := &cobra.Command{
		Use:   "lint [ENV…] [KEY=VALUE…]",
		Short: "Show what an environment file says and probably does not mean",
		Long: `lint evaluates the environments and looks at them and at the files that they
load; without ENV at all of the project, and at libraries that nothing loads
too. It exits with 1 when it finds something. No machine is contacted.

A comment "# lint: ignore CODE" at the end of a line, or on a line of its own
above it, silences a rule there; a reason may follow behind a colon. The rules
are

` + rulesText() + `
--explain CODE says why, with an example.`,
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("explain") {
				return p.explainRule(code)
			}
			return p.lint(c, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return p.environmentWords(word)
		},
	}
	c.Flags().StringVar(&code, "explain", "", "explain the rule `CODE`")
	_ = c.RegisterFlagCompletionFunc("explain", func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return withPrefix(ruleCodes(), word), cobra.ShellCompDirectiveNoFileComp
	}) // the flag is there
	return c
}

// rulesText lists the rules with what they find.
func rulesText() string {
	var b strings.Builder
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "  %-18s%s\n", r.Code, r.Summary)
	}
	return b.String()
}

func ruleCodes() []string {
	var codes []string
	for _, r := range lint.Rules() {
		codes = append(codes, r.Code)
	}
	return codes
}

func (p *program) explainRule(code string) error {
	r, ok := lint.Find(code)
	if !ok {
		err := usage("there is no rule %q", code)
		if s := builtins.Suggest(code, ruleCodes()); s != "" {
			return err.hint("did you mean %q?", s)
		}
		return err.hint("the rules are %s", strings.Join(ruleCodes(), ", "))
	}
	if p.json {
		return writeDocument(p.Out, r)
	}
	style := p.style(p.Out)
	fmt.Fprintf(p.Out, "%s: %s\n\n%s\n\n%s\n%s\n%s\n%s", style.bold(r.Code), r.Summary, r.Why,
		style.bold("complained about"), indented(r.Bad), style.bold("fine"), indented(r.Good))
	return nil
}

// indented indents every line of a text.
func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}

func (p *program) lint(c *cobra.Command, args []string) error {
	var w words
	var named []string
	whole := len(args) == 0
	if !whole {
		var err error
		if w, err = parseNames(c, args); err != nil {
			return err
		}
		named = append(w.names, w.env)
	} else if root, ok := p.project(); ok {
		named = environmentsIn(root)
	} else {
		return usage("no directory environments here or above").hint("`%s create NAME` makes one", programName)
	}
	findings, err := p.lintAll(c.Context(), named, w.settings, whole)
	if err != nil {
		return err
	}
	return p.showFindings(findings)
}

// lintAll looks at environments, and at the whole project besides. What is
// wrong with any of them is returned together.
func (p *program) lintAll(ctx context.Context, named []string, settings map[string]string, whole bool) ([]lint.Finding, error) {
	var findings []lint.Finding
	var problems []environments.Problem
	seen := map[string]bool{}
	collect := func(found []lint.Finding, err error) error {
		if wrong, ok := errors.AsType[*eval.Error](err); ok {
			problems = append(problems, wrong.Problems...)
			return nil
		}
		for _, f := range found {
			if key := f.Problem.Error() + f.Code; !seen[key] {
				seen[key] = true
				findings = append(findings, f)
			}
		}
		return err
	}
	read := map[string]bool{}
	for _, name := range named {
		l, err := p.load(ctx, words{env: name, settings: settings})
		var found []lint.Finding
		if err == nil {
			var sources []lint.Source
			if sources, err = sourcesOf(l, read); err == nil {
				found, err = lint.Check(l.env, sources)
			}
		}
		if err := collect(found, err); err != nil {
			return nil, err
		}
	}
	if whole {
		rest, err := p.unread(read)
		if err != nil {
			return nil, err
		}
		if err := collect(lint.Check(nil, rest)); err != nil {
			return nil, err
		}
	}
	if len(problems) > 0 {
		return nil, &eval.Error{Problems: problems}
	}
	slices.SortStableFunc(findings, func(a, b lint.Finding) int { return a.Position.Compare(b.Position) })
	return findings, nil
}

// sourcesOf returns the Starlark files of the project that an environment was
// computed from, and notes them in read.
func sourcesOf(l loaded, read map[string]bool) ([]lint.Source, error) {
	var sources []lint.Source
	for _, r := range l.env.Reads {
		if !strings.HasSuffix(r.Path, ".star") || strings.HasPrefix(r.Path, builtins.LibraryPrefix) || r.Digest == "" {
			continue
		}
		path := filepath.Join(l.root, filepath.FromSlash(r.Path))
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, usage("%w", err)
		}
		read[path] = true
		sources = append(sources, lint.Source{File: r.Path, Text: text, Entry: r.Path == l.file})
	}
	return sources, nil
}

// unread returns the Starlark files of the project that are not in read.
func (p *program) unread(read map[string]bool) ([]lint.Source, error) {
	files, err := p.sources(nil)
	if err != nil {
		return nil, err
	}
	var sources []lint.Source
	for _, f := range files {
		if !read[f.path()] && !f.entry() {
			sources = append(sources, lint.Source{File: f.file, Text: f.data})
		}
	}
	return sources, nil
}

// showFindings prints what was found; something is exit code 1.
func (p *program) showFindings(findings []lint.Finding) error {
	if p.json {
		document := map[string]any{"findings": append([]lint.Finding{}, findings...)}
		if err := writeDocument(p.Out, document); err != nil {
			return err
		}
	} else {
		problems := make([]environments.Problem, len(findings))
		for i, f := range findings {
			problems[i] = f.Problem
			problems[i].Message += " (" + f.Code + ")"
		}
		environments.WriteProblems(p.Out, problems)
	}
	p.last = "nothing found"
	if n := len(findings); n > 0 {
		p.last = plural(n, "finding") + "; lint --explain CODE says why"
		return codeError(exitFailed)
	}
	return nil
}
