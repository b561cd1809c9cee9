// Package eval turns an environment file into an Environment.
//
// [Load] reads the file and what it loads, computes, checks the whole, and
// returns either an Environment or an *[Error] with everything that is wrong.
// It reads nothing but files of the project and the standard library, notes
// every read, and writes nothing.
//
// A file passes through these steps, each in a file of its own here:
//
//	checkSource   size, UTF-8, nesting, before the parser sees it (nesting.go)
//	parse         go.starlark.net/syntax
//	rewrite       operators that could misuse a deferred value become guarded calls (rewrite.go)
//	resolve, run  go.starlark.net/starlark, all modules on one thread (loader.go)
//	check         environments.Check: refs, cycles, ports, paths (finish.go)
//
// Evaluation is bounded in steps and time, and a caller gets an answer at the
// deadline even where the evaluator does not return.
package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

// Options say what to load.
type Options struct {
	Root     string                  // the project's root directory, see FindRoot
	File     string                  // path of the entry file, relative to Root
	Source   []byte                  // what the entry file will hold; nil = it is read
	Params   map[string]string       // KEY=VALUE of the command line; wins over environments/NAME.params.json
	Targets  []string                // what is asked for: Params may also hold arguments of tasks among them
	Deadline time.Duration           // 0 = 10 s
	Print    func(string)            // takes what print() says, with its position; nil drops it
	Read     func(environments.Read) // is told of every read, also where the evaluation goes wrong; nil drops it
	Parsed   func()                  // is told when the file is parsed: from then on one processor is enough; nil drops it
	Base     string                  // what an id that is derived is derived from; "" = Root
}

// DefaultDeadline bounds an evaluation in time.
const DefaultDeadline = 10 * time.Second

// MaxSteps bounds an evaluation in steps of the Starlark interpreter. A task()
// takes about 20 where it is written out and 40 in a loop that makes its names,
// so that 100,000 tasks in a loop leave more than half.
const MaxSteps = 10_000_000

// grace is how long an evaluation that was cancelled may take to say where
// it was.
const grace = 250 * time.Millisecond

// An Error is everything that is wrong with an environment file, sorted by
// position.
type Error struct {
	Problems []environments.Problem
}

// Error returns the first problem and how many there are.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", e.Problems[0].Error(), len(e.Problems)-1)
}

// FindRoot returns the project's root for an environment file: the nearest
// ancestor directory that holds a directory environments, else the file's own
// directory. The result is as absolute as file is.
func FindRoot(file string) string {
	own := filepath.Dir(file)
	abs, err := filepath.Abs(own)
	if err != nil {
		return own
	}
	for dir := abs; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "environments")); err == nil && info.IsDir() {
			if filepath.IsAbs(file) {
				return dir
			}
			return relativeTo(dir, own)
		}
		if dir == filepath.Dir(dir) {
			return own
		}
	}
}

// relativeTo expresses dir relative to the working directory.
func relativeTo(dir, fallback string) string {
	wd, err := os.Getwd()
	if err != nil {
		return fallback
	}
	rel, err := filepath.Rel(wd, dir)
	if err != nil {
		return dir
	}
	return rel
}

// Load evaluates an environment file. A file that is wrong gives an *Error;
// an end of ctx gives its cause, and the deadline an *Error.
func Load(ctx context.Context, o Options) (*environments.Environment, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	return l.within(ctx, func(starlark.StringDict) outcome { return l.finish() })
}

// within runs the evaluation, and returns when it, ctx or the deadline ends.
func (l *loader) within(ctx context.Context, then func(starlark.StringDict) outcome) (*environments.Environment, error) {
	o := l.options
	if o.Deadline <= 0 {
		o.Deadline = DefaultDeadline
	}
	done := make(chan outcome, 1)
	go func() { done <- l.run(then) }()

	timer := time.NewTimer(o.Deadline)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.environment, r.err
	case <-ctx.Done():
		l.cancel("interrupted")
		return nil, context.Cause(ctx)
	case <-timer.C:
	}
	reason := fmt.Sprintf("the evaluation took longer than %s", o.Deadline)
	l.cancel(reason)
	select {
	case r := <-done:
		return r.environment, r.err
	case <-time.After(grace):
		return nil, &Error{Problems: []environments.Problem{{
			Position: environments.Position{File: l.entry}, Message: reason,
			Hint: "look for a loop over something very large",
		}}}
	}
}

// An outcome is what one evaluation ends with.
type outcome struct {
	environment *environments.Environment
	err         error
}

// asError returns the problems in err.
func asError(err error) ([]environments.Problem, bool) {
	var e *Error
	if errors.As(err, &e) {
		return e.Problems, true
	}
	return nil, false
}

// nameOf returns the name of the environment in a file.
func nameOf(file string) string {
	return strings.TrimSuffix(filepath.Base(file), ".star")
}
