package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// A UnitTest is a function test_*() of a file of tests.
type UnitTest struct {
	Name     string
	Position environments.Position
	options  Options
}

// UnitTests returns the functions of a file whose names start with "test_", in
// the order of the file, which is evaluated for that. Beside everything that an
// environment file sees, it has assert and evaluate (assert.go). A file that
// is wrong, or has no such function, gives an *Error.
func UnitTests(ctx context.Context, o Options) ([]UnitTest, error) {
	var tests []UnitTest
	l, err := newUnit(o)
	if err != nil {
		return nil, err
	}
	_, err = l.within(ctx, func(globals starlark.StringDict) outcome {
		for name, v := range globals {
			if f, ok := v.(*starlark.Function); ok && strings.HasPrefix(name, "test_") {
				tests = append(tests, UnitTest{name, builtins.Position(f.Position()), o})
			}
		}
		if len(tests) == 0 {
			p := environments.Problem{Position: environments.Position{File: l.entry, Line: 1, Column: 1},
				Message: "the file has no tests", Hint: "a test is a function at the top level whose name starts with test_"}
			return outcome{err: l.report([]environments.Problem{p})}
		}
		return l.recorded()
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(tests, func(a, b UnitTest) int { return a.Position.Compare(b.Position) })
	return tests, nil
}

// Run evaluates the file anew and calls the function: no test sees what
// another did. What went wrong is an *Error.
func (t UnitTest) Run(ctx context.Context) error {
	l, err := newUnit(t.options)
	if err != nil {
		return err
	}
	_, err = l.within(ctx, func(globals starlark.StringDict) outcome {
		f, ok := globals[t.Name].(*starlark.Function)
		if !ok {
			return outcome{err: l.report([]environments.Problem{{Position: t.Position, Message: fmt.Sprintf("there is no function %s any more", t.Name)}})}
		}
		if n := f.NumParams(); n > 0 {
			return outcome{err: l.report([]environments.Problem{{Position: t.Position, Message: fmt.Sprintf("%s takes %d arguments, a test takes none", t.Name, n)}})}
		}
		if _, err := starlark.Call(l.thread, f, nil, nil); err != nil {
			return outcome{err: l.failure(err)}
		}
		return l.recorded()
	})
	return err
}

// recorded is what an evaluation ends with that declares nothing for others:
// what was recorded as wrong.
func (l *loader) recorded() outcome {
	if problems := l.evaluation.Problems(); len(problems) > 0 {
		return outcome{err: l.report(slices.Clone(problems))}
	}
	return outcome{}
}

// newUnit returns a loader whose files have what tests need.
func newUnit(o Options) (*loader, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	l.predeclared["assert"] = l.assert()
	l.predeclared["evaluate"] = starlark.NewBuiltin("evaluate", l.evaluateCall)
	return l, nil
}

// whole checks what was declared, taken together.
func (l *loader) whole() []environments.Problem {
	problems, missing := l.evaluation.Dangling()
	return append(problems, l.evaluation.Environment.Check(append(missing, l.evaluation.Broken()...), builtins.Suggest)...)
}

// try calls a function of a test with what it declares kept apart.
func (l *loader) try(thread *starlark.Thread, f starlark.Callable) builtins.Trial {
	misused := false
	cancel := l.evaluation.Cancel
	l.evaluation.Cancel = func(reason string) {
		misused = true
		cancel(reason)
	}
	defer func() { l.evaluation.Cancel = cancel }()
	t := l.evaluation.Try(func() error {
		_, err := starlark.Call(thread, f, nil, nil)
		return err
	}, l.whole)
	if misused {
		thread.Uncancel() // a value was looked at that is known later: an error like others
	}
	return t
}

// evaluateCall is evaluate(f): what f declares, as the program would see it.
func (l *loader) evaluateCall(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var f starlark.Callable
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &f); err != nil {
		return nil, err
	}
	t := l.try(thread, f)
	if t.Err != nil {
		return nil, t.Err
	}
	if len(t.Problems) > 0 {
		return nil, &Error{t.Problems}
	}
	return declared(t.Environment), nil
}
