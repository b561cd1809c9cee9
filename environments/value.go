package environments

import (
	"fmt"
	"iter"
)

// A Kind says what a [Value] is.
type Kind string

// The kinds of a Value: three leaves that are known later, literal text, and
// what is built from them.
const (
	Literal  Kind = "literal"  // Text
	Ref      Kind = "ref"      // Node, Attribute
	Hidden   Kind = "secret"   // Name of a Secret, Attribute which of its values
	Argument Kind = "arg"      // Name of a task's argument
	Concat   Kind = "concat"   // Parts, joined
	Encode   Kind = "encode"   // Data, as Format
	Quote    Kind = "quote"    // Parts, joined and percent-encoded
	Template Kind = "template" // Text is a text/template over Data
)

// A Value is text that may be known only later: a tree whose leaves are
// literals, refs to what a node answers, secrets and arguments. The zero
// Value is the empty literal.
type Value struct {
	Kind      Kind     `json:"kind,omitempty"`
	Text      string   `json:"text,omitempty"`
	Node      string   `json:"node,omitempty"`      // "vm:web"
	Attribute string   `json:"attribute,omitempty"` // "ipv4"; of a secret Current, Outgoing or Incoming
	Name      string   `json:"name,omitempty"`
	Parts     []Value  `json:"parts,omitempty"`
	Format    string   `json:"format,omitempty"` // json, toml or yaml
	Data      *Data    `json:"data,omitempty"`
	Position  Position `json:"position,omitzero"`
}

// Text returns the literal value s.
func Text(s string) Value { return Value{Kind: Literal, Text: s} }

// Join returns the concatenation of parts; neighbouring literals are merged
// and empty ones left out.
func Join(parts ...Value) Value {
	var flat []Value
	for _, p := range parts {
		if p.Kind == "" {
			p.Kind = Literal
		}
		inner := []Value{p}
		if p.Kind == Concat {
			inner = p.Parts
		}
		for _, q := range inner {
			if q.Kind == Literal && q.Text == "" {
				continue
			}
			if n := len(flat); n > 0 && q.Kind == Literal && flat[n-1].Kind == Literal {
				flat[n-1].Text += q.Text
				continue
			}
			flat = append(flat, q)
		}
	}
	switch len(flat) {
	case 0:
		return Text("")
	case 1:
		return flat[0]
	}
	return Value{Kind: Concat, Parts: flat}
}

// Leaves yields every ref, secret and argument in v, in order.
func (v Value) Leaves() iter.Seq[Value] {
	return func(yield func(Value) bool) { v.leaves(yield) }
}

func (v Value) leaves(yield func(Value) bool) bool {
	switch v.Kind {
	case Ref, Hidden, Argument:
		return yield(v)
	}
	for _, p := range v.Parts {
		if !p.leaves(yield) {
			return false
		}
	}
	return v.Data == nil || v.Data.leaves(yield)
}

// Secret reports whether v contains a secret anywhere.
func (v Value) Secret() bool {
	for leaf := range v.Leaves() {
		if leaf.Kind == Hidden {
			return true
		}
	}
	return false
}

// Static returns the text of v when it is known already.
func (v Value) Static() (string, bool) {
	for range v.Leaves() {
		return "", false
	}
	s, err := v.Render(nil)
	return s, err == nil
}

// String describes v without rendering it; secrets and refs show as names.
func (v Value) String() string {
	s, err := v.Render(func(leaf Value) (string, error) { return leaf.describe(), nil })
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return s
}

// SecretID names the value that a Hidden leaf stands for: NAME, or NAME.old or
// NAME.new, which only differ from it while the secret is being rotated.
func (v Value) SecretID() string {
	if v.Attribute == Current {
		return v.Name
	}
	return v.Name + "." + v.Attribute
}

func (v Value) describe() string {
	switch v.Kind {
	case Ref:
		return "(" + v.Node + " " + v.Attribute + ")"
	case Hidden:
		return "(secret " + v.SecretID() + ")"
	default:
		return "(argument " + v.Name + ")"
	}
}
