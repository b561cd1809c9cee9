package tasks

import (
	"errors"
	"time"
)

// An Event is something that happened in a run. The live view, the plain
// lines and the JSON stream are three readers of the same events. The list
// is closed: the types in this file.
type Event interface {
	// Kind is the event's name in JSON: "node-started", …
	Kind() string
}

// RunStarted opens the stream of an execution.
type RunStarted struct {
	Environment string   `json:"environment"`
	Targets     []string `json:"targets"`
	Nodes       []string `json:"nodes"` // that may change, in order
}

// HostStatus says what a machine was found to be.
type HostStatus struct {
	Host   string `json:"host"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// HostProgress is a line about reaching a machine.
type HostProgress struct {
	Host string `json:"host"`
	Line string `json:"line"`
}

// BatchDone is one round trip to a machine.
type BatchDone struct {
	Host  string        `json:"host"`
	Verb  string        `json:"verb"` // observe or apply
	Items int           `json:"items"`
	Took  time.Duration `json:"took"`
}

// NodeStarted says that work on a node begins.
type NodeStarted struct {
	Node string    `json:"node"`
	Act  Act       `json:"act"`
	At   time.Time `json:"at"`
}

// NodeProgress is a line of output of a node.
type NodeProgress struct {
	Node string `json:"node"`
	Line string `json:"line"`
}

// NodeDone says how a node ended. Act is what was done to it; ActNone with
// no error is a node that was as declared.
type NodeDone struct {
	Node  string        `json:"node"`
	Act   Act           `json:"act"`
	Took  time.Duration `json:"took"`
	Error string        `json:"error,omitempty"`
	Hint  string        `json:"hint,omitempty"`
	At    time.Time     `json:"at"`

	// Of a node that went wrong, filled in by who keeps what nodes say.
	Output []string `json:"output,omitempty"` // its last lines
	Log    string   `json:"log,omitempty"`    // the file that has all of them
}

// Ended returns the event of a node that ended now, with the error's text and
// its hint where there is one.
func Ended(node string, act Act, took time.Duration, err error) NodeDone {
	done := NodeDone{Node: node, Act: act, Took: took, At: now()}
	if err == nil {
		return done
	}
	done.Error = err.Error()
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		done.Hint = h.Hint()
	}
	return done
}

// NodeSkipped says why a node was not worked on.
type NodeSkipped struct {
	Node    string `json:"node"`
	Because string `json:"because"`
}

// RunDone closes the stream.
type RunDone struct {
	Summary Summary `json:"summary"`
}

// A Summary counts what a run did.
type Summary struct {
	Changed   int           `json:"changed"`
	Unchanged int           `json:"unchanged"`
	Ran       int           `json:"ran"` // tasks and probes
	Failed    int           `json:"failed"`
	Skipped   int           `json:"skipped"`
	Took      time.Duration `json:"took"`
}

// Kind is "run-started".
func (RunStarted) Kind() string { return "run-started" }

// Kind is "host-status".
func (HostStatus) Kind() string { return "host-status" }

// Kind is "host-progress".
func (HostProgress) Kind() string { return "host-progress" }

// Kind is "batch-done".
func (BatchDone) Kind() string { return "batch-done" }

// Kind is "node-started".
func (NodeStarted) Kind() string { return "node-started" }

// Kind is "node-progress".
func (NodeProgress) Kind() string { return "node-progress" }

// Kind is "node-done".
func (NodeDone) Kind() string { return "node-done" }

// Kind is "node-skipped".
func (NodeSkipped) Kind() string { return "node-skipped" }

// Kind is "run-done".
func (RunDone) Kind() string { return "run-done" }
