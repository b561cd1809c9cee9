package tasks

import (
	"context"

	"github.com/torrust/tracker-deployer/environments"
)

// A Provider manages the machines of one kind (qemu, existing, simulated, …)
// for one environment. Its methods are safe for concurrent use on different
// hosts. The unique name of the machine is the provider's lock: two runs
// never create the same machine twice.
type Provider interface {
	// Status reads what the machine is now. It starts and writes nothing.
	// A machine that is not there is StateAbsent, not an error.
	Status(ctx context.Context, host environments.Host) (Status, error)

	// Ensure creates the machine or starts it, and returns when it runs with
	// the declared properties. It is idempotent, and resumes after an
	// interruption at any moment. Progress gets one line at a time.
	Ensure(ctx context.Context, host environments.Host, progress func(string)) (Status, error)

	// Stop shuts the machine down and keeps everything of it.
	Stop(ctx context.Context, host environments.Host) error

	// Remove deletes the machine and everything that the provider holds for
	// it, from any state; what is gone already is fine. With keepData its
	// data disk stays and is used again by the next Ensure.
	Remove(ctx context.Context, host environments.Host, keepData bool) error
}

// A State is what a machine is.
type State string

// The states of a machine.
const (
	StateAbsent      State = "absent"
	StateStopped     State = "stopped"
	StateRunning     State = "running"
	StateUnreachable State = "unreachable" // running, as far as one can tell, but not answering
)

// A Status is what a provider knows of a machine.
type Status struct {
	State   State
	Reason  string            // in words, for every state but running
	Address string            // host:port of its sshd, "" unless running
	Outputs map[string]string // what refs to the machine answer: "ipv4", "ipv6", "port:6969"
	Changes []FieldChange     // properties that differ from the declaration
	Replace bool              // a change needs a new machine
	Kept    []string          // what an absent machine left for the next one: "data disk"
}
