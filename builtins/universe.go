package builtins

import (
	"fmt"

	"go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// Predeclared returns everything that a file sees beside Starlark's own
// built-ins, in place of some of which it has guarded ones.
func Predeclared() starlark.StringDict {
	names := guards()
	modules := map[string]starlark.StringDict{}
	for _, b := range Table() {
		module, member, nested := cut(b.Name)
		if !nested {
			names[b.Name] = b.function()
			continue
		}
		if modules[module] == nil {
			modules[module] = starlark.StringDict{}
		}
		modules[module][member] = b.function()
	}
	for name, members := range modules {
		names[name] = &starlarkstruct.Module{Name: name, Members: members}
	}
	names["DEBIAN_13"] = starlark.String(Debian13)
	names["struct"] = starlark.NewBuiltin("struct", starlarkstruct.Make)
	names["math"] = math.Module
	for name, deep := range universe {
		names[name] = guard(starlark.Universe[name].(*starlark.Builtin), deep)
	}
	names["print"] = starlark.NewBuiltin("print", output)
	names["type"] = starlark.NewBuiltin("type", typeOf)
	names["any"] = starlark.NewBuiltin("any", truths)
	names["all"] = starlark.NewBuiltin("all", truths)
	for name, v := range names {
		if b, ok := v.(*starlark.Builtin); ok {
			names[name] = protected(b)
		}
	}
	return names
}

// protected returns b with its panics turned into errors, while the stack is
// still there to say where.
func protected(b *starlark.Builtin) *starlark.Builtin {
	return starlark.NewBuiltin(b.Name(), func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (v starlark.Value, err error) {
		defer func() {
			if r := recover(); r != nil {
				v, err = nil, &Misuse{fmt.Sprintf("the evaluator failed: %v", r), "this is a defect of the program; please report it with this file"}
			}
		}()
		return b.CallInternal(thread, args, kwargs)
	})
}

func cut(name string) (module, member string, nested bool) {
	for i := range name {
		if name[i] == '.' {
			return name[:i], name[i+1:], true
		}
	}
	return "", name, false
}

// universe lists the functions of Starlark that would look at a deferred
// value, and whether also at one inside a container.
var universe = map[string]bool{
	"str": true, "repr": true, "sorted": true, "min": true, "max": true, "hash": true, "bytes": true,
	"bool": false, "len": false, "int": false, "float": false, "abs": false, "ord": false, "chr": false,
	"list": false, "tuple": false, "dict": false, "enumerate": false, "reversed": false, "zip": false, "range": false,
}

// output is print().
func output(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sep := " "
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "sep?", &sep); err != nil {
		return nil, err
	}
	line := ""
	for i, v := range args {
		if err := check("print()", v, true); err != nil {
			return nil, err
		}
		if i > 0 {
			line += sep
		}
		if s, ok := starlark.AsString(v); ok {
			line += s
		} else {
			line += v.String()
		}
	}
	e := evaluationOf(thread)
	if e.Print != nil {
		pos, _ := where(thread)
		e.Print(fmt.Sprintf("%s: %s", pos, line))
	}
	return starlark.None, nil
}

// typeOf is type(), which tells nothing about what a deferred value is.
func typeOf(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &x); err != nil {
		return nil, err
	}
	if _, ok := x.(*Deferred); ok {
		return starlark.String("deferred"), nil
	}
	return starlark.String(x.Type()), nil
}

// truths is any() and all(), which ask every element for its truth.
func truths(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	for _, v := range args {
		if err := check(b.Name()+"()", v, false); err != nil {
			return nil, err
		}
		seq, ok := v.(starlark.Indexable)
		for i := 0; ok && i < seq.Len(); i++ {
			if d, ok := seq.Index(i).(*Deferred); ok {
				return nil, d.misuse(b.Name() + "()")
			}
		}
	}
	return starlark.Universe[b.Name()].(*starlark.Builtin).CallInternal(thread, args, kwargs)
}

// Later reports whether a name is kept for a built-in of a later version.
func Later(name string) bool {
	switch name {
	case "terraform":
		return true
	}
	return false
}
