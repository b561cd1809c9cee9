// Package tasks plans and executes graphs.
//
//	Graph ─Plan─▶ Plan ─Execute─▶ machines
//
// A [Graph] holds two classes of nodes. A resource's truth is on a machine: it
// is observed, compared by property and bytes, and acted on where it differs.
// An action (a user's task, a probe) runs when it is asked for; one that is
// [Cacheable] only if something that goes in or comes out is not as recorded.
// Machines themselves are nodes too, looked after by a [Provider].
//
// [Engine.Plan] asks each machine once what all its nodes want to know and
// returns a [Plan], a JSON value. [Engine.Execute] carries a plan out: nodes
// become ready when what they depend on is done; the ready ones of a machine
// travel in one batch; what only becomes known on the way (the address of a
// machine, the digest of an image) is compared when it is known. Everything
// that happens is an [Event].
//
// Each run is framed in the [Journal]: intent before effect. What a killed
// run left half-done is pending, and is done again even where it looks done.
package tasks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// Secrets answers for the values that no file of the project holds in clear.
type Secrets interface {
	// Value returns the value that an environments.Value.SecretID names. One
	// that would have to be generated is an *Unknown unless create is set;
	// then it is stored before it is returned.
	Value(ctx context.Context, id string, create bool) (string, error)
	// MAC returns a keyed digest of data. Without create, a key that does
	// not exist yet is an *Unknown.
	MAC(data []byte, create bool) (string, error)
}

// An Engine plans and executes the graphs of one environment. Its fields are
// set once, before use.
type Engine struct {
	Name string // of the environment
	ID   string // owner of the machines

	// Provider returns the provider of a kind of machine.
	Provider func(kind string) (Provider, error)
	// Connect opens a running machine. It waits for one that was just
	// started, until the context's deadline or the machine's death.
	Connect func(ctx context.Context, host environments.Host, s Status, progress func(string)) (hosts.Machine, error)

	Secrets Secrets
	Records Records
	Journal *Journal    // nil: nothing is executed
	Files   *cache.Tree // of the project; nil: every action runs
	Force   bool        // named targets run also where nothing has changed
	Observe func(Event) // nil discards events; called from one goroutine at a time

	Parallel  int             // local actions at a time; 0 = 4
	KeepGoing bool            // a failure drops only what depends on it
	Stop      <-chan struct{} // when closed, what runs is finished and nothing more is started

	events sync.Mutex
}

func (e *Engine) emit(event Event) {
	if e.Observe == nil {
		return
	}
	e.events.Lock()
	defer e.events.Unlock()
	e.Observe(event)
}

func (e *Engine) parallel() int {
	if e.Parallel > 0 {
		return e.Parallel
	}
	return 4
}

// A NodeError is a node that went wrong.
type NodeError struct {
	Node     string
	Position environments.Position
	Cause    error
}

// Error returns "POSITION: NODE: CAUSE".
func (e *NodeError) Error() string {
	if e.Position.File == "" {
		return fmt.Sprintf("%s: %v", e.Node, e.Cause)
	}
	return fmt.Sprintf("%s: %s: %v", e.Position, e.Node, e.Cause)
}

// Unwrap returns the cause.
func (e *NodeError) Unwrap() error { return e.Cause }

func now() time.Time { return time.Now().UTC() }
