package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
)

// streams are everything of the process that the program uses.
type streams struct {
	In     io.Reader
	Out    io.Writer                   // results
	Err    io.Writer                   // progress and errors
	Getenv func(string) (string, bool) // as os.LookupEnv
	Dir    string                      // working directory, absolute

	Rehearsal *rehearsal // what the machines are instead; nil: as declared
}

func processStreams() streams {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	return streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv, Dir: dir}
}

// A program is one invocation: its streams and what the flags said.
type program struct {
	streams
	globals
	log   *logFile                // nil without --log-file
	shown *monitor                // of the run that is going on, nil without one
	last  string                  // last line on standard error, "" = none
	hide  func() []string         // secrets that must not be shown; nil = none
	read  func(environments.Read) // is told what evaluations read; nil = nobody

	parsed func() // is told when a file is parsed that is going to be evaluated; nil = nobody

	printed bool // whether an environment file has printed something
}

// globals are the flags that every command has.
type globals struct {
	json      bool
	quiet     bool
	noColor   bool
	verbose   int
	logFile   string
	logFormat string
	identity  []string // more key files
}

// run is the program: it carries out args and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	out := &results{w: s.Out}
	s.Out = out
	p := &program{streams: s}
	root := p.root()
	root.SetArgs(longRun(args))
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if interrupted(err) {
		err = errInterrupted
	}
	if werr := out.failed(); err == nil && werr != nil {
		err = fmt.Errorf("standard output: %w", werr)
	}
	p.report(err)
	code := exitCode(err)
	if p.last != "" && code != exitUsage {
		fmt.Fprintln(s.Err, p.last)
		p.log.note(p.last)
	}
	p.log.close(p.clean(fmt.Sprint(err)), code)
	return code
}

// root builds the command tree. What is not a command is a target of the
// user's, so the root itself takes any words.
func (p *program) root() *cobra.Command {
	cobra.EnableCommandSorting = false // commands are listed in the order of a deployment
	o := &runOptions{}
	root := &cobra.Command{
		Use:               programName + " COMMAND|TARGET… ENV [KEY=VALUE…]",
		Short:             "Deploys BitTorrent trackers on machines.",
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: p.before,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return p.runTargets(c, nil, args, o)
		},
		ValidArgsFunction: p.completeTargets,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{fact: lowerFirst(err.Error()), next: "see " + c.CommandPath() + " --help"}
	})
	p.globalFlags(root)
	o.flags(root)
	root.AddGroup(
		&cobra.Group{ID: groupChange, Title: "change machines"},
		&cobra.Group{ID: groupLook, Title: "look"},
		&cobra.Group{ID: groupReach, Title: "reach machines"},
		&cobra.Group{ID: groupWrite, Title: "write and learn"},
	)
	root.AddCommand(p.commands()...)
	root.SetHelpCommand(p.helpCommand())
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(helpTemplate)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	describeCompletion(root)
	return root
}

const programName = "torrust-tracker-deployer"

func (p *program) globalFlags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.BoolVar(&p.json, "json", false, "results and events as JSON on standard output")
	f.BoolVarP(&p.quiet, "quiet", "q", false, "no progress: errors and the last line only")
	f.BoolVar(&p.noColor, "no-color", false, "no colours (NO_COLOR does the same)")
	f.CountVarP(&p.verbose, "verbose", "v", "say more: -v what is as declared, -vv what begins, -vvv what is read")
	f.StringVar(&p.logFile, "log-file", "", "append everything that happens to a `FILE`")
	f.StringVar(&p.logFormat, "log-format", "human", "`FORMAT` of the log file: human or json")
	f.StringArrayVar(&p.identity, "identity", nil, "open NAME.age also with the age or ssh private keys in a `FILE` (repeatable)")
}

// before checks the global flags and opens the log, ahead of every command.
func (p *program) before(c *cobra.Command, args []string) error {
	if p.logFormat != "human" && p.logFormat != "json" {
		return usage("unknown log format %q", p.logFormat).hint("human or json")
	}
	log, err := openLog(p.path(p.logFile), p.logFormat)
	if err != nil {
		return usage("log file: %w", err)
	}
	p.log = log
	p.log.command(c.CommandPath(), args, c.ArgsLenAtDash())
	return nil
}

// path returns a path of the command line as an absolute one; "" stays.
func (p *program) path(name string) string {
	if name == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(p.Dir, "/") + "/" + name
}

func (p *program) getenv(name string) string {
	v, _ := p.Getenv(name)
	return v
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// interrupted reports whether err is a run that the operator ended.
func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted)
}
