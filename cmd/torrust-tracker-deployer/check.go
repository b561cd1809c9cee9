package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/internal/check"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// checkOptions are the flags of check.
type checkOptions struct {
	run      string
	update   bool
	parallel int
	timeout  time.Duration
	real     bool
}

// scriptLimit is for a script on simulated machines that waits for something
// that does not come, such as watch.
const scriptLimit = 2 * time.Minute

// checkCommand runs the tests of a project.
func (p *program) checkCommand() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Run the tests of the project's environments and libraries",
		Long: `check runs tests/*.txtar, and the functions test_*() of tests/*.star and
lib/*_test.star, or those of the files that are named.

A script has a copy of the project's environments/ and lib/ and of what the
environments read, with the files of its own archive over them, and calls this
program on each line: plan, deploy or any other command or target, and its
arguments. Machines are simulated, whatever the environment declares; they are
machines/ENVIRONMENT/HOST, where faults.json and the like can prepare them.
Beside the commands of testscript (cmp, stdout, stderr, grep, exists, ! …) it
has

  exits CODE COMMAND…            the program ends with that exit code
  drift HOST PATH [TEXT]         a file of a machine is changed by hand; also
                                 remove PATH, mode PATH MODE, stop SERVICE,
                                 uninstall PACKAGE, firewall
  calls                          what machines were given since the last calls
  jsoneq FILE|stdout FILE        two JSON documents are the same

What the program prints is the same in every run: durations are 0.0s, the work
directory is $WORK. exec and stop are testscript's; the program's own are
program exec … and program stop …. $PROJECT is the project itself.

A function test_*() has assert.eq, ne, true, contains and fails(f, pattern), and
evaluate(f), which returns what f declares.`,
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			return p.check(c.Context(), args, o)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"txtar", "star"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	f := c.Flags()
	f.StringVar(&o.run, "run", "", "run the tests whose name matches a regular expression `RE`; -run does the same")
	f.BoolVarP(&o.update, "update", "u", false, "where cmp finds a difference to a file of the script, rewrite the script")
	f.IntVarP(&o.parallel, "parallel", "j", runtime.GOMAXPROCS(0), "run at most `N` tests at a time")
	f.DurationVar(&o.timeout, "timeout", 0, "end a script after a `TIME`; 0 is none with --real, else 2m")
	f.BoolVar(&o.real, "real", false, "start the virtual machines that are declared; other machines stay simulated")
	return c
}

// longRun writes -run, as package testing has it, as the flag --run that it
// is here.
func longRun(args []string) []string {
	if len(args) == 0 || args[0] != "check" {
		return args
	}
	out := make([]string, 0, len(args))
	for _, a := range args {
		if a == "-run" || strings.HasPrefix(a, "-run=") {
			a = "-" + a
		}
		out = append(out, a)
	}
	return out
}

func (p *program) check(ctx context.Context, args []string, o checkOptions) error {
	wanted, err := regexp.Compile(o.run)
	if err != nil {
		return usage("--run: %w", err)
	}
	if o.timeout < 0 {
		return usage("--timeout %s is not a time to wait", o.timeout)
	}
	if o.parallel < 1 {
		return usage("-j %d is not a number of tests", o.parallel)
	}
	ctx, end := cancelledBySignals(ctx)
	defer end()
	start := time.Now()
	tests, err := p.findTests(ctx, args, o)
	if err != nil {
		return err
	}
	var chosen []check.Test
	for _, t := range tests {
		if wanted.MatchString(t.Name) {
			chosen = append(chosen, t)
		}
	}
	if len(chosen) == 0 {
		return usage("no test matches %q", o.run).hint("there are %s, such as %s", plural(len(tests), "test"), tests[0].Name)
	}
	count := map[check.Outcome]int{}
	check.Run(ctx, chosen, o.parallel, func(r check.Result) {
		count[r.Outcome]++
		p.showTest(r)
	})
	if ctx.Err() != nil {
		return errInterrupted
	}
	p.checked(count, time.Since(start))
	if count[check.Failed] > 0 {
		return codeError(exitFailed)
	}
	return nil
}

// findTests returns the tests in files, or those of the project.
func (p *program) findTests(ctx context.Context, args []string, o checkOptions) ([]check.Test, error) {
	root, ok := p.project()
	if len(args) > 0 {
		root = eval.FindRoot(filepath.Dir(p.path(args[0])))
	} else if !ok {
		root = p.Dir
	}
	var files []string
	for _, a := range args {
		file := p.path(a)
		if rel, err := filepath.Rel(root, file); err != nil || strings.HasPrefix(rel, "..") {
			return nil, usage("%q is not a file of the project %s", a, root)
		}
		files = append(files, file)
	}
	tests, err := check.Find(ctx, p.checkOptions(root, o), files)
	if e, ok := errors.AsType[*check.FileError](err); ok {
		return nil, usage("%w", e).hint("%s", e.Hint())
	}
	if err == nil && len(tests) == 0 {
		return nil, usage("%s has no tests", root).hint("tests are %s", strings.Join(check.Patterns(), ", "))
	}
	return tests, err
}

// checkOptions says how scripts call the program.
func (p *program) checkOptions(root string, o checkOptions) check.Options {
	co := check.Options{
		Root: root, Update: o.update, Limit: o.timeout, Commands: p.commandNames(),
		Program: func(ctx context.Context, c check.Call) int {
			return run(ctx, c.Args, streams{
				In: strings.NewReader(""), Out: c.Out, Err: c.Err, Getenv: c.Getenv, Dir: c.Dir,
				Rehearsal: &rehearsal{directory: c.Machines, called: c.Called, local: o.real},
			})
		},
	}
	if !o.real {
		co.Limit = cmp.Or(co.Limit, scriptLimit)
	}
	if o.real {
		co.Ends = func(environment string) []string { return []string{"destroy", environment, "--yes"} }
	}
	return co
}

// outcomeWords are how a line about a test begins.
var outcomeWords = map[check.Outcome]string{check.Passed: "ok  ", check.Failed: "FAIL", check.Skipped: "skip"}

func (p *program) showTest(r check.Result) {
	if p.json {
		writeJSON(p.Out, struct {
			Event   string        `json:"event"`
			Test    string        `json:"test"`
			Outcome check.Outcome `json:"outcome"`
			Updated bool          `json:"updated,omitempty"`
			Took    float64       `json:"took"`
			Output  string        `json:"output,omitempty"`
		}{"test", r.Name, r.Outcome, r.Updated, r.Took.Seconds(), r.Output})
		return
	}
	style := p.style(p.Out)
	word := style.green(outcomeWords[r.Outcome])
	switch {
	case r.Outcome == check.Failed:
		word = style.red(outcomeWords[r.Outcome])
	case r.Outcome == check.Skipped:
		word = style.yellow(outcomeWords[r.Outcome])
	case p.quiet && !r.Updated:
		return
	}
	line := fmt.Sprintf("%s %s %s", word, r.Name, seconds(r.Took))
	if r.Updated {
		line += " (updated)"
	}
	fmt.Fprintln(p.Out, line)
	for text := range strings.Lines(r.Output) {
		fmt.Fprintln(p.Out, "  "+stripControl(strings.TrimRight(text, "\n")))
	}
}

// checked says how all tests ended.
func (p *program) checked(count map[check.Outcome]int, took time.Duration) {
	if p.json {
		writeJSON(p.Out, struct {
			Event   string  `json:"event"`
			Passed  int     `json:"passed"`
			Failed  int     `json:"failed"`
			Skipped int     `json:"skipped"`
			Took    float64 `json:"took"`
		}{"checked", count[check.Passed], count[check.Failed], count[check.Skipped], took.Seconds()})
	}
	p.last = fmt.Sprintf("%d passed, %d failed in %s", count[check.Passed], count[check.Failed], seconds(took))
	if n := count[check.Skipped]; n > 0 {
		p.last += fmt.Sprintf(" (%d skipped)", n)
	}
}
