// Package check runs the tests of a project: scripts that call the program
// (tests/*.txtar) and functions test_*() of Starlark files (tests/*.star,
// lib/*_test.star).
//
//	Find    files → tests, each with the name that -run matches
//	Run     tests → results, several at once, told in the order of the tests
//
// A script is a testscript of github.com/rogpeppe/go-internal; script.go says
// what differs, commands.go has the commands beside testscript's own. Its work
// directory is a project: what the archive holds, over what the project around
// the tests has (project.go). The program is called in this process, as
// Options.Program does it; what it prints is made the same in every run
// (steady.go).
package check

import (
	"context"
	"io"
	"sync"
	"time"
)

// Options say what tests run in.
type Options struct {
	Root   string        // of the project, absolute
	Limit  time.Duration // that a script may take; 0 = none
	Update bool          // cmp with a file of the archive rewrites the archive
	// Program carries out one command of a script and returns its exit code.
	// Calls of different scripts run at the same time.
	Program func(context.Context, Call) int
	// Commands are the words that are commands of the program. Other words
	// that a script has in their place are targets of its environments.
	Commands []string
	// Ends returns the call that gives back what an environment took, for the
	// end of every script that named it. Nil where nothing is left.
	Ends func(environment string) []string
}

// A Call is one run of the program.
type Call struct {
	Args     []string
	Dir      string // working directory, absolute
	Getenv   func(string) (string, bool)
	Out, Err io.Writer
	Machines string                     // directory of the simulated machines, ENVIRONMENT/HOST below it
	Called   func(machine, what string) // has to be told what a machine is given
}

// An Outcome is how a test ended.
type Outcome string

// The outcomes of a test.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// A Result is what came of a test.
type Result struct {
	Name    string
	Outcome Outcome
	Updated bool   // the script was rewritten
	Output  string // what there is to say: of a failure everything, else "" or a reason
	Took    time.Duration
}

// A Test is a script, or a function of a Starlark file.
type Test struct {
	Name string // "tests/web.txtar", "lib/ports_test.star:test_range"
	run  func(context.Context) Result
}

// Run runs tests, parallel at a time (at least one), and calls told with each
// result in the order of tests, as soon as those before it are there. After
// the end of ctx no test is started, and what was not is not told.
func Run(ctx context.Context, tests []Test, parallel int, told func(Result)) {
	allowShort()
	results := make([]chan Result, len(tests))
	for i := range results {
		results[i] = make(chan Result, 1)
	}
	var workers sync.WaitGroup
	next := make(chan int)
	for range max(1, min(parallel, len(tests))) {
		workers.Go(func() {
			for i := range next {
				start := time.Now()
				r := tests[i].run(ctx)
				r.Took = time.Since(start)
				results[i] <- r
			}
		})
	}
	go func() {
		defer close(next)
		for i := range tests {
			select {
			case next <- i:
			case <-ctx.Done():
				for _, r := range results[i:] {
					close(r)
				}
				return
			}
		}
	}()
	for _, r := range results {
		if result, ok := <-r; ok {
			told(result)
		}
	}
	workers.Wait()
}
