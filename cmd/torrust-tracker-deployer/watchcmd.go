package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/tasks/watching"
)

// watchCommand runs targets, and again whenever a file changes that they rest
// on.
func (p *program) watchCommand() *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:   "watch TARGET… ENV [KEY=VALUE…]",
		Short: "Run targets, and again whenever a file changes that they rest on",
		Long: `watch runs the targets and then waits until a file changes that was read: the
environment file and what it loads, templates, the files that glob() finds and
the inputs of tasks. It says which file changed and what that makes necessary,
and does it. A file that is wrong is reported, and waited for. Ctrl-C ends it.

Machines are changed only with --yes; without, it shows what would change on
them, and runs the tasks that need none of it.`,
		GroupID: groupChange,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseNames(c, args)
			if err != nil {
				return err
			}
			if len(w.names) == 0 {
				return usage("what is to be run in environment %q?", w.env).hint("usage: %s", c.UseLine())
			}
			if o.parallel < 0 {
				return usage("-j %d is not a number of tasks", o.parallel)
			}
			return p.watch(c.Context(), w, o)
		},
		ValidArgsFunction: p.completeTargets,
	}
	f := c.Flags()
	f.BoolVar(&o.keepGoing, "keep-going", false, "a failure drops only what depends on it")
	f.IntVarP(&o.parallel, "parallel", "j", 0, "run at most `N` local tasks and machines at a time (default 4)")
	f.BoolVarP(&o.yes, "yes", "y", false, "change machines too, without asking")
	return c
}

// A watch is one invocation of the command.
type watch struct {
	program *program
	words   words
	options *runOptions
	files   *watching.Watcher
	set     watching.Set
	stop    chan struct{} // closed by the first interrupt
	active  atomic.Bool   // a round goes on
	streaks map[string]int
}

// tireless is how often a file may change while tasks run, time after time,
// until it is taken for something that they write.
const tireless = 5

func (p *program) watch(ctx context.Context, w words, o *runOptions) error {
	at, err := p.find(w.env)
	if err != nil {
		return err
	}
	files, err := watching.New(at.root)
	if err != nil {
		return fmt.Errorf("project %s: %w", at.root, err)
	}
	defer files.Close()
	x := &watch{program: p, words: w, options: o, files: files, stop: make(chan struct{}), streaks: map[string]int{}}
	ctx, end := x.interruptible(ctx)
	defer end()
	var changes []watching.Change
	for first := true; ; first = false {
		x.active.Store(true)
		err := x.round(ctx, changes)
		if stop, err := x.ends(err, first); stop {
			return err
		}
		p.report(err)
		x.lastLine()
		if first {
			p.note("watching %s; Ctrl-C ends it", countFiles(x.set))
		}
		x.active.Store(false)
		if changes, err = x.next(ctx); err != nil {
			return err
		}
		if changes == nil {
			return nil
		}
	}
}

// ends reports whether the watch is over after a round that ended with err,
// and with what. A command line that is wrong from the start does not get
// better by waiting.
func (x *watch) ends(err error, first bool) (bool, error) {
	if x.stopped() {
		return true, errInterrupted
	}
	_, wrong := errors.AsType[*eval.Error](err)
	return first && !wrong && isUsage(err), err
}

func (x *watch) stopped() bool {
	select {
	case <-x.stop:
		return true
	default:
		return false
	}
}

// lastLine prints the line that ends every run.
func (x *watch) lastLine() {
	p := x.program
	if p.last != "" {
		fmt.Fprintln(p.Err, p.last)
		p.log.note(p.last)
		p.last = ""
	}
}

// next waits for changes that are worth a round; nil is the end of the watch.
func (x *watch) next(ctx context.Context) ([]watching.Change, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-x.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		changes, meanwhile, err := x.files.Next(ctx)
		if x.stopped() {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if changes = x.worth(changes, meanwhile); len(changes) > 0 {
			return changes, nil
		}
	}
}

// worth leaves out what changed while tasks ran, several times in a row: they
// write it themselves, and would run for ever.
func (x *watch) worth(changes []watching.Change, meanwhile bool) []watching.Change {
	if !meanwhile {
		clear(x.streaks)
		return changes
	}
	var list []watching.Change
	for _, c := range changes {
		x.streaks[c.Path]++
		switch n := x.streaks[c.Path]; {
		case n < tireless:
			list = append(list, c)
		case n == tireless:
			x.program.note("%s changes whenever something runs: left alone until another file changes; name it in outputs if a task makes it", c.Path)
		}
	}
	return list
}

// interruptible returns a context that the second interrupt cancels while
// something runs. The first one closes stop: what runs is finished, and a watch
// that waits ends.
func (x *watch) interruptible(ctx context.Context) (context.Context, func()) {
	return interruptible(ctx, x.program.note, func() {
		if x.active.Load() {
			x.program.note("finishing what runs; press again to stop")
		}
		close(x.stop)
	})
}
