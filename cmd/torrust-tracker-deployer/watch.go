package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// lookEvery is how often a machine that is waited for is looked at.
const lookEvery = time.Second

// consoleLines is how much of a dead machine's console is shown.
const consoleLines = 20

// A consoler is a provider that keeps what machines write on their console.
type consoler interface {
	Console(host string, lines int) ([]string, error)
}

// watched returns a context that ends, with a *diedError for its cause, when a
// machine that is being waited for is not running any more.
func (d *deployment) watched(ctx context.Context, h environments.Host) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			s, err := d.status(ctx, h)
			if err == nil && (s.State == tasks.StateStopped || s.State == tasks.StateAbsent) {
				cancel(d.died(h, s))
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (d *deployment) died(h environments.Host, s tasks.Status) error {
	e := &diedError{state: s.State, reason: s.Reason}
	provider, err := d.provider(h.Provider.Kind())
	if c, ok := provider.(consoler); ok && err == nil {
		e.console, _ = c.Console(h.Name, consoleLines) // without it the rest is still true
	}
	return e
}

// A diedError is a machine that ended while it was waited for.
type diedError struct {
	state   tasks.State
	reason  string
	console []string
}

// Error says what the machine is now and how its console ends.
func (e *diedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the machine is %s: %s", e.state, e.reason)
	if len(e.console) > 0 {
		b.WriteString("; its console ends with")
		for _, line := range e.console {
			b.WriteString("\n| " + stripControl(line))
		}
	}
	return b.String()
}

// Hint says how to go on.
func (e *diedError) Hint() string { return "repeat the command to start it again" }
