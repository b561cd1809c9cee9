package eval

import (
	"fmt"
	"regexp"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// assert is the module of tests:
//
//	assert.eq(got, want)        the values are equal
//	assert.ne(got, other)       they are not
//	assert.true(value, why)     the value is true; why is optional
//	assert.contains(got, part)  a text, list, tuple or dict has it in it
//	assert.fails(f, pattern)    f() is refused with a message that matches
//
// A value that is known only later stands for its description, the text
// "http://(vm:web ipv4):80". The first assertion that does not hold ends the
// test; it is shown where it was called.
func (l *loader) assert() *starlarkstruct.Module {
	members := starlark.StringDict{"fails": starlark.NewBuiltin("assert.fails", l.fails)}
	for name, f := range map[string]assertion{"eq": eq, "ne": ne, "contains": contains} {
		members[name] = f.builtin("assert." + name)
	}
	members["true"] = starlark.NewBuiltin("assert.true", isTrue)
	return &starlarkstruct.Module{Name: "assert", Members: members}
}

// An assertion compares what was got with something; "" when it holds, else
// what is wrong.
type assertion func(got, want starlark.Value) (string, error)

func (a assertion) builtin(name string) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var got, want starlark.Value
		if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &got, &want); err != nil {
			return nil, err
		}
		wrong, err := a(builtins.Known(got), builtins.Known(want))
		if err == nil && wrong != "" {
			err = &hinted{b.Name() + ": " + wrong, ""}
		}
		return starlark.None, err
	})
}

func eq(got, want starlark.Value) (string, error) {
	same, err := starlark.Equal(got, want)
	if err != nil || same {
		return "", err
	}
	return fmt.Sprintf("got %s, want %s", got, want), nil
}

func ne(got, other starlark.Value) (string, error) {
	same, err := starlark.Equal(got, other)
	if err != nil || !same {
		return "", err
	}
	return fmt.Sprintf("got %s, want something else", got), nil
}

func contains(got, part starlark.Value) (string, error) {
	in, err := starlark.Binary(syntax.IN, part, got)
	if err != nil || bool(in.Truth()) {
		return "", err
	}
	return fmt.Sprintf("%s is not in %s", part, got), nil
}

func isTrue(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value starlark.Value
	why := ""
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &value, &why); err != nil {
		return nil, err
	}
	if known := builtins.Known(value); !known.Truth() {
		text := fmt.Sprintf("%s: got %s", b.Name(), known)
		if why != "" {
			text = b.Name() + ": " + why
		}
		return nil, &hinted{text, ""}
	}
	return starlark.None, nil
}

// fails is assert.fails: it holds when loading a file that calls f would be
// refused.
func (l *loader) fails(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var f starlark.Callable
	var pattern string
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &f, &pattern); err != nil {
		return nil, err
	}
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, &hinted{fmt.Sprintf("%s: %v", b.Name(), err), "a pattern is a regular expression of Go"}
	}
	t := l.try(thread, f)
	problems := t.Problems
	if t.Err != nil {
		problems = append(problems, l.translate(t.Err)...)
	}
	if len(problems) == 0 {
		return nil, &hinted{fmt.Sprintf("%s: nothing failed, want %q", b.Name(), pattern), ""}
	}
	if text := messages(problems); !match.MatchString(text) {
		return nil, &hinted{fmt.Sprintf("%s: got %q, want %q", b.Name(), text, pattern), ""}
	}
	return starlark.None, nil
}

func messages(problems []environments.Problem) string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Message)
	}
	return strings.Join(lines, "\n")
}
