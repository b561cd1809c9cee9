package builtins

import (
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/torrust/tracker-deployer/environments"
)

// A Trial is what a call declared and did wrong.
type Trial struct {
	Environment *environments.Environment
	Problems    []environments.Problem // recorded ones, then those of the whole
	Err         error                  // what the call itself returned
}

// Try calls f and collects what it declares in an environment of its own.
// Check is then called, with e as f left it, for what is wrong with the whole.
// Afterwards e is as it was before: nothing of the trial is in it.
func (e *Evaluation) Try(f func() error, check func() []environments.Problem) Trial {
	before := *e
	defer func() { *e = before }()
	*e = Evaluation{
		Environment: &environments.Environment{Name: e.Environment.Name, File: e.Environment.File},
		Files:       e.Files, Call: e.Call, Loading: e.Loading, Print: e.Print, Cancel: e.Cancel, Params: e.Params,
	}
	t := Trial{Environment: e.Environment, Err: f()}
	t.Problems = append(t.Problems, e.problems...)
	if t.Err == nil {
		t.Problems = append(t.Problems, check()...)
	}
	return t
}

// Known returns v with every deferred value in it, also inside lists, dicts
// and structs, as the text that describes it: "http://(vm:web ipv4):80". Tests
// compare with it what is not known while they run. What Starlark itself would
// not print, a container in itself, is an error of Starlark's.
func Known(v starlark.Value) starlark.Value {
	if deferredIn(v) == nil {
		return v
	}
	switch v := v.(type) {
	case *Deferred:
		return starlark.String(v.value.String())
	case *starlark.List:
		return starlark.NewList(knownAll(v))
	case starlark.Tuple:
		return starlark.Tuple(knownAll(v))
	case *starlark.Dict:
		d := starlark.NewDict(v.Len())
		for _, item := range v.Items() {
			_ = d.SetKey(item[0], Known(item[1])) // the key was one before
		}
		return d
	case *starlarkstruct.Struct:
		fields := starlark.StringDict{}
		for _, name := range v.AttrNames() {
			if x, err := v.Attr(name); err == nil {
				fields[name] = Known(x)
			}
		}
		return starlarkstruct.FromStringDict(v.Constructor(), fields)
	}
	return v
}

func knownAll(v starlark.Indexable) []starlark.Value {
	list := make([]starlark.Value, v.Len())
	for i := range list {
		list[i] = Known(v.Index(i))
	}
	return list
}
