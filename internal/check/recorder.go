package check

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// A recorder is what testscript needs of package testing, for one script: it
// keeps what is said and how it ended. FailNow and Skip end the goroutine.
type recorder struct {
	outcome Outcome
	log     strings.Builder
	reason  string // of a skip
}

var _ testscript.T = (*recorder)(nil)

// record runs f with a recorder and returns it when f has ended. A panic is a
// failure, shown with where it was.
func record(f func(*recorder)) *recorder {
	r := &recorder{outcome: Passed}
	r.await(func() { f(r) })
	return r
}

func (r *recorder) await(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.outcome = Failed
				fmt.Fprintf(&r.log, "panic: %v\n%s", p, debug.Stack())
			}
		}()
		f()
	}()
	<-done
}

// Run runs the one script that there is; it is told by its file.
func (r *recorder) Run(_ string, f func(testscript.T)) { r.await(func() { f(r) }) }

// Log keeps what is said.
func (r *recorder) Log(args ...any) { fmt.Fprintln(&r.log, args...) }

// Fatal is Log and FailNow.
func (r *recorder) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}

// FailNow ends the script as failed.
func (r *recorder) FailNow() {
	r.outcome = Failed
	runtime.Goexit()
}

// Skip ends the script as skipped.
func (r *recorder) Skip(args ...any) {
	if r.outcome == Passed {
		r.outcome, r.reason = Skipped, strings.TrimSpace(fmt.Sprint(args...))
	}
	runtime.Goexit()
}

// Parallel does nothing: Run of this package has its own workers.
func (r *recorder) Parallel() {}

// Verbose is false: what went well is not said.
func (r *recorder) Verbose() bool { return false }
