// Package hosts is the machine protocol: closed, typed lists of what can be
// asked of a machine ([Query] → [Fact]) and of what can be done to one
// ([Operation] → [Result]).
//
// The types here hold no shell text and do no I/O. Two packages implement
// [Machine] and pass one conformance suite: remote talks to a real machine
// over one ssh connection, simulated keeps a machine in a directory and ships
// for users' tests.
//
// A batch is one round trip: whoever plans collects the queries of everything
// it wants to know about a machine and asks once.
package hosts

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Where everything of ours lives on a machine.
const (
	// StackDirectory holds the compose file, mounted files and data.
	StackDirectory = "/opt/torrust-tracker-deployer"
	// StateDirectory holds the manifest, releases, lock and audit log.
	StateDirectory = "/var/lib/torrust-tracker-deployer"
	// RegistryLogins is docker's config.json that pulls of ours read, where it is
	// there.
	RegistryLogins = StateDirectory + "/docker/config.json"
)

// A Machine answers queries and carries out operations. It is safe for
// concurrent use; batches on one machine are serialized, long operations run
// beside them in sessions of their own.
type Machine interface {
	// Observe answers every query in one round trip and writes nothing.
	// Facts holds one entry per query; a query that could not be answered
	// fails the batch with a *StepError.
	Observe(ctx context.Context, queries []Query) (Facts, error)

	// Apply carries out operations in order and stops at the first that
	// fails. It returns one Result per operation that was tried, the one that
	// went wrong included as the last; the error is a *StepError naming it. The first Apply of a run takes
	// the machine's lock and fails with ErrLocked when another run holds it.
	// Each operation is idempotent. Output of long operations goes to
	// progress line by line; nil discards it.
	Apply(ctx context.Context, operations []Operation, progress func(line string)) ([]Result, error)
}

// A Dialer is a Machine through which one can connect to what listens on the
// machine itself.
type Dialer interface {
	// DialContext connects to address as seen from the machine.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// A Result is the outcome of one operation.
type Result struct {
	Changed  bool              // false when there was nothing to do
	Output   string            // what a Run printed (standard output), else ""
	ExitCode int               // of a Run
	Values   map[string]string // what the operation learnt: "digest" of a PullImage, …
	Took     time.Duration
}

// A StepError is a query or an operation that went wrong on a machine.
type StepError struct {
	Host  string // name of the host
	Step  string // what was being done, "write /etc/hosts"
	Cause error  // why: the machine's own words, or one of the errors below
	Next  string // what to do about it, "" for nothing better than the cause
}

// Error returns "HOST: STEP: CAUSE".
func (e *StepError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Host, e.Step, e.Cause) }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Cause }

// Hint returns what to do next.
func (e *StepError) Hint() string { return e.Next }

// A constant error; compare with errors.Is.
type failure string

func (f failure) Error() string { return string(f) }

// The causes that callers tell apart.
const (
	ErrLocked      = failure("another run is changing this machine")
	ErrChanged     = failure("changed since the plan")
	ErrConnection  = failure("the connection was lost")
	ErrSudo        = failure("sudo was refused")
	ErrNoSpace     = failure("no space left on the machine")
	ErrTimeout     = failure("no answer before the deadline")
	ErrUnsupported = failure("not supported on this machine")
	ErrHostKey     = failure("the machine's host key is not the one recorded")
	ErrOwned       = failure("the machine belongs to another environment")
)
