package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/internal/adversary"
)

// noopRounds is how often what takes milliseconds and has a hard goal is run.
const noopRounds = 30

// A site is a directory with n tasks of one input and one output, in the words
// of every tool: each has outputs of its own.
type site struct {
	dir  string
	name string // of the environment
	n    int
}

func (s site) environment() string {
	return filepath.Join(s.dir, "environments", s.name+".star")
}

// site makes a directory of n tasks. With literal every call of task() is
// written out.
func (b *bench) site(name string, n int, literal bool) (site, error) {
	s := site{name: name, n: n}
	var err error
	if s.dir, err = b.project(name, tasksFile(n, literal)); err != nil {
		return s, err
	}
	for _, dir := range []string{"in", "out", "out-ninja", "out-make", "out-task"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			return s, err
		}
	}
	ninja, makefile, taskfile := &strings.Builder{}, &strings.Builder{}, &strings.Builder{}
	ninja.WriteString("rule cp\n  command = cp $in $out\n")
	fmt.Fprint(makefile, "all:")
	taskfile.WriteString("version: '3'\ntasks:\n  all:\n    deps: [")
	for i := range n {
		if err := os.WriteFile(filepath.Join(s.dir, "in", strconv.Itoa(i)), []byte(strconv.Itoa(i)), 0o600); err != nil {
			return s, err
		}
		fmt.Fprintf(ninja, "build out-ninja/%d: cp in/%d\n", i, i)
		fmt.Fprintf(makefile, " out-make/%d", i)
		fmt.Fprintf(taskfile, "t%d, ", i)
	}
	makefile.WriteString("\nout-make/%: in/%\n\tcp $< $@\n")
	taskfile.WriteString("]\n")
	for i := range n {
		fmt.Fprintf(taskfile, "  t%d:\n    cmds: [cp in/%d out-task/%d]\n    sources: [in/%d]\n    generates: [out-task/%d]\n", i, i, i, i, i)
	}
	return s, errors.Join(
		os.WriteFile(filepath.Join(s.dir, "build.ninja"), []byte(ninja.String()), 0o600),
		os.WriteFile(filepath.Join(s.dir, "Makefile"), []byte(makefile.String()), 0o600),
		os.WriteFile(filepath.Join(s.dir, "Taskfile.yml"), []byte(taskfile.String()), 0o600),
	)
}

// tasksFile is an environment of n tasks.
func tasksFile(n int, literal bool) string {
	const call = `task(name = "t%[1]s", run = ["cp", "in/%[1]s", "out/%[1]s"], inputs = ["in/%[1]s"], outputs = ["out/%[1]s"])`
	if !literal {
		one := strings.ReplaceAll(call, "%[1]s", "%d")
		for _, text := range []string{`"t%d"`, `"in/%d"`, `"out/%d"`} {
			one = strings.ReplaceAll(one, text, text+" % i")
		}
		return fmt.Sprintf("all = []\nfor i in range(%d):\n    all.append(%s)\ngroup(name = \"all\", of = all)\n", n, one)
	}
	var b strings.Builder
	var names []string
	for i := range n {
		fmt.Fprintf(&b, "t%[1]s = "+call+"\n", strconv.Itoa(i))
		names = append(names, fmt.Sprintf("t%d", i))
	}
	fmt.Fprintf(&b, "group(name = \"all\", of = [%s])\n", strings.Join(names, ", "))
	return b.String()
}

func (b *bench) ours(s site) command { return b.run(s.dir, "all", s.name, "-j"+jobs()) }

func (s site) ninja() command { return command{dir: s.dir, argv: []string{"ninja", "-j" + jobs()}} }

func jobs() string { return strconv.Itoa(runtime.NumCPU()) }

// settled runs a command for the first time, waits until what it made can be
// trusted, and lets it see so.
func settled(ctx context.Context, c command) error {
	if _, err := c.once(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(adversary.Settling): // nothing but time makes files older
	}
	for range 2 {
		if _, err := c.once(ctx); err != nil {
			return err
		}
	}
	return nil
}

// edited is c just after a line was added to the environment file.
func (s site) edited(c command) command {
	c.ready = func(round int) error {
		f, err := os.OpenFile(s.environment(), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(f, "# round %d\n", round)
		return errors.Join(err, f.Close())
	}
	return c
}

// manyTasks measures 10,000 tasks with nothing to do beside ninja, make and
// go-task.
func (b *bench) manyTasks(ctx context.Context) error {
	loop, err := b.site("loop10k", 10_000, false)
	if err != nil {
		return err
	}
	literal, err := b.site("literal10k", 10_000, true)
	if err != nil {
		return err
	}
	goTask := command{dir: loop.dir, argv: []string{b.task, "all", "--silent", "-C", jobs()}}
	makes := command{dir: loop.dir, argv: []string{"make", "-s", "-j" + jobs()}}
	for _, c := range []command{loop.ninja(), goTask, makes, b.ours(loop), b.ours(literal)} {
		if err := settled(ctx, c); err != nil {
			return err
		}
	}
	t, err := medians(ctx, noopRounds, loop.ninja(), b.ours(loop), b.ours(literal))
	if err != nil {
		return err
	}
	for i, how := range []string{"in a loop", "written out"} {
		r := ratio(t[i+1].wall, t[0].wall)
		b.figure("no-op of 10,000 tasks "+how+", beside ninja", "<= 0.8x", r <= 0.8,
			"%s, %.2fx (ninja %s)", milliseconds(t[i+1].wall), r, milliseconds(t[0].wall))
	}
	slow, err := medians(ctx, slowRounds, b.ours(loop), goTask, makes)
	if err != nil {
		return err
	}
	r := ratio(slow[1].wall, slow[0].wall)
	b.figure("no-op of 10,000 tasks beside go-task", ">= 20x faster", r >= 20,
		"%.0fx faster (go-task %s, make %s)", r, milliseconds(slow[1].wall), milliseconds(slow[2].wall))
	if t, err = medians(ctx, rounds, loop.ninja(), loop.edited(b.ours(loop)), literal.edited(b.ours(literal))); err != nil {
		return err
	}
	for i, how := range []string{"a loop", "calls written out"} {
		r := ratio(t[i+1].wall, t[0].wall)
		b.figure("10,000 tasks just after editing the file, "+how, "<= 4x ninja", r <= 4,
			"%s, %.2fx (%s of processor time)", milliseconds(t[i+1].wall), r, milliseconds(t[i+1].cpu))
	}
	return nil
}

// firstBuild measures a first build of 1,000 tasks beside ninja.
func (b *bench) firstBuild(ctx context.Context) error {
	s, err := b.site("first1k", 1000, false)
	if err != nil {
		return err
	}
	fresh := func(c command, leftovers ...string) command {
		c.ready = func(int) error {
			for _, path := range leftovers {
				if err := os.RemoveAll(path); err != nil {
					return err
				}
			}
			return errors.Join(os.MkdirAll(filepath.Join(s.dir, "out"), 0o755), os.MkdirAll(filepath.Join(s.dir, "out-ninja"), 0o755))
		}
		return c
	}
	at := func(name string) string { return filepath.Join(s.dir, name) }
	t, err := medians(ctx, rounds, fresh(s.ninja(), at("out-ninja"), at(".ninja_log"), at(".ninja_deps")), fresh(b.ours(s), at("out"), b.state()))
	if err != nil {
		return err
	}
	r := ratio(t[1].wall, t[0].wall)
	b.figure("first build of 1,000 tasks beside ninja, -j "+jobs(), "<= 1.0x", r <= 1,
		"%s, %.2fx (ninja %s)", milliseconds(t[1].wall), r, milliseconds(t[0].wall))
	return nil
}

// growth measures how time and memory grow with the number of tasks.
func (b *bench) growth(ctx context.Context) error {
	var small [2]times
	for _, n := range []int{10_000, 30_000, 100_000} {
		s, err := b.site(fmt.Sprintf("grow%d", n), n, false)
		if err != nil {
			return err
		}
		if err := settled(ctx, b.ours(s)); err != nil {
			return err
		}
		t, err := medians(ctx, slowRounds, b.ours(s))
		if err != nil {
			return err
		}
		edited, err := medians(ctx, slowRounds, s.edited(b.ours(s)))
		if err != nil {
			return err
		}
		if small[0].wall == 0 {
			small = [2]times{t[0], edited[0]}
		}
		share := 1.25 * float64(n) / 10_000 // linear, and a quarter more
		growth := max(ratio(t[0].cpu, small[0].cpu), ratio(edited[0].cpu, small[1].cpu))
		b.figure(fmt.Sprintf("%d tasks: no-op; after an edit", n), fmt.Sprintf("<= %.1fx of 10k", share), growth <= share,
			"%s, %d MiB; %s, %d MiB", milliseconds(t[0].wall), t[0].peak>>20, milliseconds(edited[0].wall), edited[0].peak>>20)
		if err := os.RemoveAll(s.dir); err != nil {
			return err
		}
	}
	return nil
}
