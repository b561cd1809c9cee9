package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// runOptions are the flags of commands that run targets.
type runOptions struct {
	only      bool
	keepGoing bool
	force     bool
	parallel  int
	yes       bool
	test      string
	prune     []string
}

func (o *runOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.only, "only", false, "run the targets alone; what they depend on has to be as declared")
	f.BoolVar(&o.keepGoing, "keep-going", false, "a failure drops only what depends on it")
	f.BoolVar(&o.force, "force", false, "run the named tasks also where nothing has changed")
	f.IntVarP(&o.parallel, "parallel", "j", 0, "run at most `N` local tasks and machines at a time (default 4)")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask before something is removed or replaced")
}

// runTargets runs targets: those of the command first, then those named.
func (p *program) runTargets(c *cobra.Command, targets, args []string, o *runOptions) error {
	w, err := parseNames(c, args)
	if err != nil {
		return err
	}
	if o.parallel < 0 {
		return usage("-j %d is not a number of tasks", o.parallel)
	}
	if len(targets)+len(w.names) == 0 {
		return p.noTarget(w.env)
	}
	ctx := c.Context()
	w.names = append(slices.Clone(targets), w.names...)
	past := p.recollect(w, o)
	if p.nothing(&past) {
		return nil
	}
	p.parsed = past.look
	d, err := p.open(ctx, w)
	if err != nil {
		return err
	}
	d.past = past
	selection, err := d.choose(w.names, o.only)
	if err != nil {
		return err
	}
	if err := d.possible(selection); err != nil {
		return err
	}
	if err := d.prunable(o.prune); err != nil {
		return err
	}
	if err := d.admit(ctx, selection); err != nil {
		return err
	}
	end, err := d.begin()
	if err != nil {
		return err
	}
	defer end()
	d.noteComposed()
	return d.run(ctx, selection, o)
}

// run plans and executes a selection, and after a deployment that changed
// something the tests.
func (d *deployment) run(ctx context.Context, s tasks.Selection, o *runOptions) error {
	d.engine.KeepGoing, d.engine.Parallel, d.engine.Force = o.keepGoing, o.parallel, o.force
	m := d.program.monitor()
	defer m.close()
	m.log = newRunLog(d.logDirectory(), s.Targets)
	d.engine.Observe = m.event
	ctx, end := d.interruptible(ctx, m)
	defer end()

	if s.Full {
		if err := d.applyRotations(ctx, m, o); err != nil {
			return err
		}
	}
	plan, err := d.engine.Plan(ctx, d.graph, s)
	if err != nil {
		return err
	}
	defer plan.Close()
	if err := d.reachable(plan, o.keepGoing); err != nil {
		return err
	}
	if err := d.consent(m, plan, o); err != nil {
		return err
	}
	if _, err := d.engine.Execute(ctx, plan); err != nil {
		return asInterrupted(err)
	}
	d.remember(plan)
	plan.Close()
	if s.Full {
		if err := d.finishRotations(ctx, m, o); err != nil {
			return err
		}
	}
	if err := d.prune(ctx, m, o.prune); err != nil {
		return err
	}
	if !d.wantsTest(s, o, m.tally.count(changed)) {
		return nil
	}
	return d.test(ctx, m)
}

// reachable refuses a plan with a machine that runs and does not answer: what
// is on it cannot be known. With --keep-going the others are worked on.
func (d *deployment) reachable(plan *tasks.Plan, keepGoing bool) error {
	var errs []error
	for _, h := range plan.Hosts {
		if host, ok := d.env.Host(h.Host); ok && h.State == tasks.StateUnreachable && !keepGoing {
			errs = append(errs, notRunning(host, tasks.Status{State: h.State, Reason: h.Reason}))
		}
	}
	return errors.Join(errs...)
}

// test runs the target test.
func (d *deployment) test(ctx context.Context, m *monitor) error {
	s, err := d.graph.Select([]string{string(tasks.StageTest)}, false)
	if err != nil || len(s.Wanted) == 0 {
		return err
	}
	if d.onlySimulated() {
		m.say("not tested: nothing answers on simulated machines")
		return nil
	}
	plan, err := d.engine.Plan(ctx, d.graph, s)
	if err != nil {
		return err
	}
	defer plan.Close()
	_, err = d.engine.Execute(ctx, plan)
	return asInterrupted(err)
}

func (d *deployment) wantsTest(s tasks.Selection, o *runOptions, changes int) bool {
	if !slices.Contains(s.Targets, "deploy") || slices.Contains(s.Targets, "test") {
		return false
	}
	return o.test == "always" || o.test != "never" && changes > 0
}

// onlySimulated reports whether there is no machine that a probe could ask.
func (d *deployment) onlySimulated() bool {
	return !slices.ContainsFunc(d.env.Hosts, func(h environments.Host) bool {
		return h.Provider.Simulated == nil && !d.program.Rehearsal.stands(h)
	})
}

// interruptible returns a context that the second interrupt cancels; the
// first one closes Engine.Stop.
func (d *deployment) interruptible(ctx context.Context, m *monitor) (context.Context, func()) {
	stop := make(chan struct{})
	d.engine.Stop = stop
	return interruptible(ctx, m.say, func() {
		m.say("finishing what runs; press again to stop")
		close(stop)
	})
}

// interruptible calls first at the first interrupt, and returns a context that
// the second one cancels, which say tells. The returned function ends both.
func interruptible(ctx context.Context, say func(string, ...any), first func()) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for asked := false; ; asked = true {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			if asked {
				say("stopping at once")
				cancel()
				return
			}
			first()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}

// asInterrupted turns a run that was stopped into an interruption.
func asInterrupted(err error) error {
	if errors.Is(err, tasks.ErrStopped) || errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// noTarget says what is wrong with a command line of one word.
func (p *program) noTarget(word string) error {
	if _, err := p.find(word); err == nil {
		return usage("what is to be done with environment %q?", word).
			hint("%s plan %s, or another command: see %s help", programName, word, programName)
	}
	return p.unknownCommand(word)
}

// joined lists words for people: a, b and c.
func joined(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
