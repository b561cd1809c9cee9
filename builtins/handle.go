package builtins

import (
	"fmt"
	"hash/fnv"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

// A Handle is what a built-in returns: a frozen value with attributes that
// stands for a resource or for a part of one.
type Handle struct {
	kind       string // type name: "vm", "qemu", "endpoint", …
	name       string // "" for a value
	node       string // "vm:web", "" for a value
	host       string // of a resource that lives on a host
	payload    any    // the part of the model that a value carries
	attributes []attribute
}

type attribute struct {
	name  string
	value starlark.Value
}

var _ starlark.HasAttrs = (*Handle)(nil)

// String shows the call that made h, without its arguments.
func (h *Handle) String() string {
	if h.name == "" {
		return h.kind + "(…)"
	}
	return fmt.Sprintf("%s(%q)", h.kind, h.name)
}

// Type returns the name of the built-in.
func (h *Handle) Type() string { return h.kind }

// Freeze does nothing: a Handle never changes.
func (h *Handle) Freeze() {}

// Truth is always true.
func (h *Handle) Truth() starlark.Bool { return true }

// Hash is that of what h shows as.
func (h *Handle) Hash() (uint32, error) {
	f := fnv.New32a()
	f.Write([]byte(h.String()))
	return f.Sum32(), nil
}

// Attr returns an attribute.
func (h *Handle) Attr(name string) (starlark.Value, error) {
	for _, a := range h.attributes {
		if a.name == name {
			return a.value, nil
		}
	}
	return nil, starlark.NoSuchAttrError(fmt.Sprintf("%s has no .%s", h, name))
}

// AttrNames returns the names of all attributes.
func (h *Handle) AttrNames() []string {
	names := make([]string, len(h.attributes))
	for i, a := range h.attributes {
		names[i] = a.name
	}
	slices.Sort(names)
	return names
}

// valueHandle returns the handle of a value that carries payload.
func valueHandle(kind string, payload any) *Handle { return &Handle{kind: kind, payload: payload} }

// payload takes a handle that carries a T.
func payload[T any](wanted string) converter {
	return converter{wanted, func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok {
			if p, ok := h.payload.(T); ok {
				return p, nil
			}
		}
		return nil, want(v, wanted)
	}}
}

// host takes a vm and returns its name.
func host() converter {
	return converter{"vm", func(v starlark.Value) (any, error) {
		h, ok := v.(*Handle)
		if !ok || h.kind != "vm" {
			if _, ok := v.(starlark.String); ok {
				return nil, misfitf("got string, want vm").withHint(`pass what vm(…) returned: web = vm(name = "web", …)`)
			}
			return nil, want(v, "vm")
		}
		return h.name, nil
	}}
}

// ref returns a deferred attribute of a node.
func (c *call) ref(node, attribute string) *Deferred {
	return c.refAt(node, attribute, c.pos)
}

func (e *Evaluation) refAt(node, attribute string, at environments.Position) *Deferred {
	return &Deferred{environments.Value{Kind: environments.Ref, Node: node, Attribute: attribute, Position: at}, e}
}

// Invalid is what a built-in returns after a wrong argument was recorded. It
// absorbs every further use, so that one mistake is reported once.
type Invalid struct{}

var (
	_ starlark.HasAttrs   = Invalid{}
	_ starlark.HasBinary  = Invalid{}
	_ starlark.HasUnary   = Invalid{}
	_ starlark.Callable   = Invalid{}
	_ starlark.Mapping    = Invalid{}
	_ starlark.Sequence   = Invalid{}
	_ starlark.Comparable = Invalid{}
)

func (Invalid) String() string        { return "invalid" }
func (Invalid) Type() string          { return "invalid" }
func (Invalid) Freeze()               {}
func (Invalid) Truth() starlark.Bool  { return true }
func (Invalid) Hash() (uint32, error) { return 0, nil }
func (Invalid) Name() string          { return "invalid" }
func (Invalid) Len() int              { return 0 }

// Attr returns an Invalid again.
func (Invalid) Attr(string) (starlark.Value, error) { return Invalid{}, nil }

// AttrNames returns none.
func (Invalid) AttrNames() []string { return nil }

// Get answers every index.
func (Invalid) Get(starlark.Value) (starlark.Value, bool, error) { return Invalid{}, true, nil }

// Iterate yields nothing.
func (Invalid) Iterate() starlark.Iterator { return starlark.Tuple(nil).Iterate() }

// Binary absorbs the other operand.
func (Invalid) Binary(syntax.Token, starlark.Value, starlark.Side) (starlark.Value, error) {
	return Invalid{}, nil
}

// Unary absorbs the operator.
func (Invalid) Unary(syntax.Token) (starlark.Value, error) { return Invalid{}, nil }

// CallInternal absorbs the call.
func (Invalid) CallInternal(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return Invalid{}, nil
}

// CompareSameType is never equal.
func (Invalid) CompareSameType(op syntax.Token, _ starlark.Value, _ int) (bool, error) {
	return op == syntax.NEQ, nil
}
