package builtins

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

// A Deferred is text that is known later, or secret, or both. It can be
// joined with + and handed to fmt, the encoders, template and every parameter
// that takes deferred text. Everything else is an error.
type Deferred struct {
	value environments.Value
	ev    *Evaluation
}

var (
	_ starlark.HasBinary  = (*Deferred)(nil)
	_ starlark.Comparable = (*Deferred)(nil)
)

// DeferredHint says what to do with a value that is not known yet.
const DeferredHint = `build text with + or fmt("…{}…", value); it cannot be looked at while the file is evaluated`

// deferred returns v as a Starlark value: a string when it is known now.
func (e *Evaluation) deferred(v environments.Value) starlark.Value {
	if s, ok := v.Static(); ok {
		return starlark.String(s)
	}
	return &Deferred{v, e}
}

// describe names the first thing that d waits for.
func (d *Deferred) describe() string {
	var first environments.Value
	others := 0
	for leaf := range d.value.Leaves() {
		if first.Kind == "" {
			first = leaf
		} else if leaf.Kind != first.Kind || leaf.Node != first.Node || leaf.Attribute != first.Attribute || leaf.Name != first.Name {
			others++
		}
	}
	if first.Kind == d.value.Kind {
		return describeLeaf(first)
	}
	if others > 0 {
		return "text with " + describeLeaf(first) + " and more in it"
	}
	return "text with " + describeLeaf(first) + " in it"
}

func describeLeaf(leaf environments.Value) string {
	switch leaf.Kind {
	case environments.Hidden:
		return fmt.Sprintf("secret %q", leaf.Name)
	case environments.Argument:
		return fmt.Sprintf("argument %q", leaf.Name)
	}
	kind, name, _ := strings.Cut(leaf.Node, ":")
	if port, ok := strings.CutPrefix(leaf.Attribute, "port:"); ok {
		return fmt.Sprintf("port %s of %s %q", port, kind, name)
	}
	return fmt.Sprintf("%s of %s %q", leaf.Attribute, kind, name)
}

// reason says why d is not known now.
func (d *Deferred) reason() string {
	for leaf := range d.value.Leaves() {
		switch leaf.Kind {
		case environments.Hidden:
			return "is read only where it is used"
		case environments.Argument:
			return "is known only when the task runs"
		}
		break
	}
	return "is known only after provision"
}

// misuse is the error of whatever would have to look at d.
func (d *Deferred) misuse(operation string) *Misuse {
	return &Misuse{fmt.Sprintf("%s needs a value that is known now; %s %s", operation, d.describe(), d.reason()), DeferredHint}
}

// String describes d for Go. Where it is reached from an environment file, by
// a way that no guard covers, the evaluation ends.
func (d *Deferred) String() string {
	d.ev.Cancel(d.misuse("text").Error())
	return "(" + d.describe() + ")"
}

// Type names d in the messages of Starlark itself.
func (d *Deferred) Type() string {
	return "deferred value (" + d.describe() + " " + d.reason() + ")"
}

// Freeze does nothing: a Deferred never changes.
func (d *Deferred) Freeze() {}

// Truth ends the evaluation; package eval guards every place that asks.
func (d *Deferred) Truth() starlark.Bool {
	d.ev.Cancel(d.misuse("a condition").Error())
	return false
}

// Hash makes d unusable as a key of a dictionary.
func (d *Deferred) Hash() (uint32, error) { return 0, d.misuse("a dictionary key") }

// CompareSameType refuses every comparison.
func (d *Deferred) CompareSameType(op syntax.Token, _ starlark.Value, _ int) (bool, error) {
	return false, d.misuse(op.String())
}

// Binary joins d with text; every other operator is an error.
func (d *Deferred) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	if _, ok := y.(Invalid); ok {
		return Invalid{}, nil
	}
	if op != syntax.PLUS {
		return nil, d.misuse(op.String())
	}
	other, err := toValue(y, "string")
	if err != nil {
		return nil, &Misuse{fmt.Sprintf("cannot join %s and %s with +", d.describe(), TypeName(y)), `fmt("{}{}", a, b) also takes numbers`}
	}
	if side == starlark.Left {
		return &Deferred{environments.Join(d.value, other.(environments.Value)), d.ev}, nil
	}
	return &Deferred{environments.Join(other.(environments.Value), d.value), d.ev}, nil
}

// deferredIn returns the first deferred value in v, which may be a container,
// or nil.
func deferredIn(v starlark.Value) *Deferred {
	s := search{left: maxElements}
	return s.in(v, 64)
}

// A search looks into containers, which may contain themselves.
type search struct{ left int }

func (s *search) in(v starlark.Value, depth int) *Deferred {
	if s.left--; s.left < 0 || depth == 0 {
		return nil
	}
	switch v := v.(type) {
	case *Deferred:
		return v
	case starlark.String, starlark.Int, starlark.Bool, starlark.NoneType, starlark.Float, starlark.Bytes, *Handle:
		return nil
	case *starlark.List:
		return s.inAll(v, depth)
	case starlark.Tuple:
		return s.inAll(v, depth)
	case *starlark.Dict:
		for _, item := range v.Items() {
			if d := s.in(item[1], depth-1); d != nil {
				return d
			}
		}
	case *starlarkstruct.Struct:
		for _, name := range v.AttrNames() {
			if x, err := v.Attr(name); err == nil {
				if d := s.in(x, depth-1); d != nil {
					return d
				}
			}
		}
	}
	return nil
}

func (s *search) inAll(v starlark.Indexable, depth int) *Deferred {
	for i := range v.Len() {
		if d := s.in(v.Index(i), depth-1); d != nil {
			return d
		}
	}
	return nil
}
