package tasks

import (
	"fmt"

	"github.com/torrust/tracker-deployer/environments"
)

// An Unknown is a value that will be known only later in a run.
type Unknown struct {
	What string // "vm:web ipv4", "secret TOKEN"
	When string // "after provision", "when it is generated"
}

// Error says what is unknown and when it will be known.
func (u *Unknown) Error() string { return fmt.Sprintf("%s is known %s", u.What, u.When) }

// A Scope answers the open leaves of values on behalf of one node.
type Scope struct {
	// Outputs returns what a node answers, false while that is not known.
	Outputs func(node, attribute string) (string, bool)
	// Secret returns the value that a SecretID names; an *Unknown for one
	// that is not generated yet.
	Secret func(id string) (string, error)
	// MAC returns a keyed digest of data under a key that only the
	// environment's age file holds: fit to be stored where others read.
	MAC func(data []byte) (string, error)
	// Changed reports whether a node is going to change, or did, in this run,
	// or was left half-done by an earlier one.
	Changed func(node string) bool
}

// Lookup answers a leaf; it fits environments.Value.Render.
func (s *Scope) Lookup(leaf environments.Value) (string, error) {
	switch leaf.Kind {
	case environments.Ref:
		if v, ok := s.Outputs(leaf.Node, leaf.Attribute); ok {
			return v, nil
		}
		return "", &Unknown{What: leaf.Node + " " + leaf.Attribute, When: "after " + leaf.Node}
	case environments.Hidden:
		return s.Secret(leaf.SecretID())
	default: // an argument; those of a task are in their places, see environments.Bind
		return "", fmt.Errorf("argument %q has no value", leaf.Name)
	}
}

// Masked answers like Lookup, but for a secret with its name in parentheses,
// and for what is not known yet with words: text for people.
func (s *Scope) Masked(leaf environments.Value) (string, error) {
	if leaf.Kind == environments.Hidden {
		return Mask(leaf.Name), nil
	}
	v, err := s.Lookup(leaf)
	if unknown, ok := err.(*Unknown); ok {
		return "(known " + unknown.When + ")", nil
	}
	return v, err
}

// Mask returns what stands for a secret in text for people.
func Mask(secret string) string { return "(secret " + secret + ")" }
