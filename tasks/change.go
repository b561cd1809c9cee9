package tasks

import (
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// An Act is what a plan does to a node.
type Act string

// The acts, in the order of a summary.
const (
	ActNone    Act = "none"    // it is as declared
	ActCreate  Act = "create"  // + it is not there
	ActUpdate  Act = "update"  // ~ it differs
	ActReplace Act = "replace" // ± it goes and a new one comes
	ActDelete  Act = "delete"  // - nothing declares it any more
	ActRun     Act = "run"     // ▸ a task or a probe, which runs when asked for
	ActUnknown Act = "unknown" // ? its machine cannot be looked at
)

// Sign returns the one-character sign of a, " " for ActNone.
func (a Act) Sign() string {
	signs := map[Act]string{
		ActCreate: "+", ActUpdate: "~", ActReplace: "±",
		ActDelete: "-", ActRun: "▸", ActUnknown: "?",
	}
	if s, ok := signs[a]; ok {
		return s
	}
	return " "
}

// A FieldChange is a property before and after. Secrets never appear in one.
type FieldChange struct {
	Name string `json:"name"`
	Old  string `json:"old"` // "" = not set or not known
	New  string `json:"new"`
}

// String is the change in words: "mode: 0644 → 0755".
func (f FieldChange) String() string {
	switch {
	case f.Old == "":
		return f.Name + ": " + f.New
	case f.New == "":
		return f.Name + ": " + f.Old + " → (none)"
	}
	return f.Name + ": " + f.Old + " → " + f.New
}

// A FileChange is a file before and after.
type FileChange struct {
	Path string `json:"path"`
	Diff string `json:"diff"` // unified, secrets masked; "" when only mode or owner differ
}

// A Change is what it takes to make one node what was declared. The zero
// Change is nothing to do.
type Change struct {
	Act      Act           `json:"act"`
	Maybe    bool          `json:"maybe,omitempty"`  // an action: whether it runs is seen when what it depends on is done
	Reason   string        `json:"reason,omitempty"` // one line, in words
	Fields   []FieldChange `json:"fields,omitempty"`
	Files    []FileChange  `json:"files,omitempty"`
	Restarts []string      `json:"restarts,omitempty"` // services that restart
	Reloads  []string      `json:"reloads,omitempty"`  // services that read their files again and go on running
	Downtime string        `json:"downtime,omitempty"` // what users notice, "" = nothing

	// Owned is put in the manifest before Operations are carried out; nil
	// for a node that leaves nothing of its own behind.
	Owned *hosts.Owned `json:"-"`
	// takes are earlier names of the node, which the manifest still lists and
	// which are struck off after Operations.
	takes []string
	// Operations are carried out in order.
	Operations []hosts.Operation `json:"-"`
	// Outputs is what refs to the node answer afterwards. A value that only
	// the operations learn comes from their results instead.
	Outputs map[string]string `json:"-"`
}

// A Resource is a node whose truth is on a machine. Both methods are pure and
// may be called more than once: when planning, and again before acting, when
// more is known.
type Resource interface {
	// Queries returns what has to be read from the machine to decide. Its
	// error is an *Unknown when a value is needed that nobody knows yet.
	Queries(s *Scope) ([]hosts.Query, error)

	// Diff compares what was declared with facts. Facts without an entry
	// are a machine that has nothing yet. An *Unknown error means that the
	// answer depends on something that is known only later; the change then
	// has ActCreate where it is known at least that nothing is there, and else
	// says what may restart or reload.
	Diff(s *Scope, facts hosts.Facts) (Change, error)
}
