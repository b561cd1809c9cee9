package builtins

import (
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Guards are the functions that package eval calls in the place of an
// operator. Their names cannot be written in a file.
const (
	GuardEqual    = "=="       // (x, y) → x == y
	GuardUnequal  = "!="       // (x, y) → x != y
	GuardIn       = "in"       // (x, y) → x in y
	GuardNotIn    = "not in"   // (x, y) → x not in y
	GuardTimes    = "*"        // (x, y) → x * y
	GuardPercent  = "%"        // (x, y) → x % y
	GuardFormat   = "%="       // (y) → y, the right side of %=
	GuardTruth    = "if"       // (x) → x, what is asked for its truth
	GuardAppend   = "+="       // (y) → y, the right side of +=
	GuardSpread   = "*args"    // (y) → y, after * in a call
	GuardMethod   = ".method"  // (x.join) → the method, guarded
	GuardPlus     = "+"        // (x, y) → x + y
	maxElements   = 10_000_000 // of a list that is made at once
	maxNumberBits = 1 << 16    // of a product
)

// Guarded are the methods that have to be called through GuardMethod.
var Guarded = map[string]bool{"format": true, "join": true, "extend": true, "update": true, "index": true, "remove": true, "pop": true}

type native = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

func guards() starlark.StringDict {
	table := map[string]native{
		GuardEqual: compare(syntax.EQL), GuardUnequal: compare(syntax.NEQ),
		GuardIn: member(syntax.IN), GuardNotIn: member(syntax.NOT_IN),
		GuardTimes: times, GuardPlus: plus, GuardPercent: percent,
		GuardFormat: pass(func(v starlark.Value) error { return known("%", v) }),
		GuardTruth: pass(func(v starlark.Value) error {
			if d, ok := v.(*Deferred); ok {
				return d.misuse("a condition")
			}
			return nil
		}),
		GuardAppend: pass(bounded), GuardSpread: pass(bounded),
		GuardMethod: method,
	}
	dict := make(starlark.StringDict, len(table))
	for name, f := range table {
		dict[name] = starlark.NewBuiltin(name, f)
	}
	return dict
}

// known refuses a deferred value, also inside a container.
func known(operation string, v starlark.Value) error {
	if d := deferredIn(v); d != nil {
		return d.misuse(operation)
	}
	return nil
}

func pass(check func(starlark.Value) error) native {
	return func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		return args[0], check(args[0])
	}
}

// compare is == and !=. That a deferred value is not None is known now.
func compare(op syntax.Token) native {
	return func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		if args[0] == starlark.None || args[1] == starlark.None {
			return starlark.Bool((args[0] == args[1]) == (op == syntax.EQL)), nil
		}
		for _, v := range args {
			if err := known(op.String(), v); err != nil {
				return nil, err
			}
		}
		ok, err := starlark.Compare(op, args[0], args[1])
		return starlark.Bool(ok), err
	}
}

func member(op syntax.Token) native {
	return func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		if err := known(op.String(), args[0]); err != nil {
			return nil, err
		}
		if _, dict := args[1].(*starlark.Dict); !dict {
			if err := known(op.String(), args[1]); err != nil {
				return nil, err
			}
		}
		return starlark.Binary(op, args[0], args[1])
	}
}

// percent is x % y. What makes names in a loop, text with one %d or %s in it,
// takes a tenth of the time that Starlark's own needs.
func percent(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if err := known("%", args[1]); err != nil {
		return nil, err
	}
	if s, ok := interpolated(args[0], args[1]); ok {
		return s, nil
	}
	return starlark.Binary(syntax.PERCENT, args[0], args[1])
}

func interpolated(format, v starlark.Value) (starlark.String, bool) {
	f, ok := format.(starlark.String)
	before, after, found := strings.Cut(string(f), "%")
	if !ok || !found || after == "" || strings.Contains(after, "%") {
		return "", false
	}
	switch v := v.(type) {
	case starlark.Int:
		if n, small := v.Int64(); small && after[0] == 'd' {
			return starlark.String(before + strconv.FormatInt(n, 10) + after[1:]), true
		}
	case starlark.String:
		if after[0] == 's' {
			return starlark.String(before) + v + starlark.String(after[1:]), true
		}
	}
	return "", false
}

// times multiplies, unless the result would be absurdly large.
func times(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, y := args[0], args[1]
	if n, ok := x.(starlark.Int); ok {
		if m, ok := y.(starlark.Int); ok {
			if n.BigInt().BitLen()+m.BigInt().BitLen() > maxNumberBits {
				return nil, &Misuse{message: "the product is too large"}
			}
			return n.Mul(m), nil
		}
		x, y = y, x
	}
	if n, ok := y.(starlark.Int); ok {
		if err := repeated(x, n); err != nil {
			return nil, err
		}
	}
	return starlark.Binary(syntax.STAR, args[0], args[1])
}

func repeated(x starlark.Value, n starlark.Int) error {
	length, limit, what := starlark.Len(x), MaxText, "bytes of text"
	if _, text := x.(starlark.String); !text {
		limit, what = maxElements, "elements"
	}
	if length <= 0 || n.Sign() <= 0 {
		return nil
	}
	if count, small := n.Int64(); !small || count > int64(limit)/int64(length) {
		return &Misuse{fmt.Sprintf("the result of * would have more than %d %s", limit, what), ""}
	}
	return nil
}

// plus adds; text is bounded, so that doubling it ends before memory does.
func plus(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, xText := args[0].(starlark.String)
	y, yText := args[1].(starlark.String)
	if xText && yText {
		if len(x)+len(y) > 2*MaxText {
			return nil, &Misuse{fmt.Sprintf("the result of + would have more than %d bytes of text", 2*MaxText), ""}
		}
		return x + y, nil
	}
	return starlark.Binary(syntax.PLUS, args[0], args[1])
}

// bounded refuses text and sequences that are absurdly large.
func bounded(v starlark.Value) error {
	if s, ok := v.(starlark.String); ok {
		if len(s) > MaxText {
			return &Misuse{fmt.Sprintf("%d bytes of text, at most %d (16 MiB)", len(s), MaxText), ""}
		}
		return nil
	}
	if n := starlark.Len(v); n > maxElements {
		return &Misuse{fmt.Sprintf("a %s of %d elements, at most %d", v.Type(), n, maxElements), ""}
	}
	return nil
}

// method wraps a method of a string, list or dictionary.
func method(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	b, ok := args[0].(*starlark.Builtin)
	if !ok || b.Receiver() == nil {
		return args[0], nil
	}
	switch b.Receiver().(type) {
	case starlark.String, *starlark.List, *starlark.Dict, starlark.Bytes:
		return guard(b, b.Name() != "extend" && b.Name() != "update"), nil
	}
	return b, nil
}

// guard returns b with its arguments checked first: never a deferred value,
// with deep not inside a container either, and nothing absurdly large.
func guard(b *starlark.Builtin, deep bool) *starlark.Builtin {
	operation := b.Name() + "()"
	return starlark.NewBuiltin(b.Name(), func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		for _, v := range args {
			if err := check(operation, v, deep); err != nil {
				return nil, err
			}
		}
		for _, kw := range kwargs {
			if err := check(operation, kw[1], deep); err != nil {
				return nil, err
			}
		}
		if b.Receiver() != nil {
			if err := receiver(b, operation, args); err != nil {
				return nil, err
			}
		}
		return b.CallInternal(thread, args, kwargs)
	})
}

func check(operation string, v starlark.Value, deep bool) error {
	if d, ok := v.(*Deferred); ok {
		return d.misuse(operation)
	}
	if deep {
		if err := known(operation, v); err != nil {
			return err
		}
	}
	if _, text := v.(starlark.String); text {
		return nil
	}
	if err := bounded(v); err != nil {
		return &Misuse{operation + ": " + err.Error(), ""}
	}
	return nil
}

// receiver refuses to search a list that holds deferred values, and to join
// an absurd amount of text.
func receiver(b *starlark.Builtin, operation string, args starlark.Tuple) error {
	switch b.Name() {
	case "index", "remove":
		return known(operation, b.Receiver())
	case "join":
		return joined(b.Receiver(), args)
	}
	return nil
}

func joined(separator starlark.Value, args starlark.Tuple) error {
	if len(args) != 1 {
		return nil // the method says what is wrong
	}
	size := 0
	list, _ := args[0].(starlark.Indexable)
	for i := 0; list != nil && i < list.Len(); i++ {
		size += max(0, starlark.Len(list.Index(i))) + starlark.Len(separator)
		if size > 2*MaxText {
			return &Misuse{fmt.Sprintf("the result of join() would have more than %d bytes of text", 2*MaxText), ""}
		}
	}
	return nil
}
