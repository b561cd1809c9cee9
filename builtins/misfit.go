package builtins

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/syntax"
)

// errInvalid stands for a wrong argument that was recorded already.
var errInvalid = errors.New("invalid")

// A misfit says why a value is not what a parameter takes.
type misfit struct {
	message string
	hint    string
	path    []step // to the element that does not fit
}

func (m *misfit) Error() string { return m.message }

// Hint returns what to do about it, "" for nothing.
func (m *misfit) Hint() string { return m.hint }

func misfitf(format string, args ...any) *misfit {
	return &misfit{message: fmt.Sprintf(format, args...)}
}

func (m *misfit) withHint(format string, args ...any) *misfit {
	m.hint = fmt.Sprintf(format, args...)
	return m
}

// at returns m with the path to the element that does not fit.
func (m *misfit) at(path ...step) *misfit {
	m.path = path
	return m
}

// inside puts a step in front of the path of err.
func inside(err error, s step) error {
	var m *misfit
	if errors.As(err, &m) {
		m.path = append([]step{s}, m.path...)
	}
	return err
}

func (m *misfit) where() string {
	var b strings.Builder
	for _, s := range m.path {
		b.WriteString(s.text)
	}
	return b.String()
}

// A step leads from a list or a dictionary to one of its elements.
type step struct {
	text  string // "[1]" or `["key"]`
	index int
	key   bool // the key of the entry rather than its value
}

func element(i int) step { return step{text: fmt.Sprintf("[%d]", i), index: i} }

func entry(i int, key string) step { return step{text: fmt.Sprintf("[%q]", key), index: i} }

// into returns the expression of the element where x is a literal, else x.
func (s step) into(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.ParenExpr:
		return s.into(x.X)
	case *syntax.ListExpr:
		if s.index < len(x.List) {
			return x.List[s.index]
		}
	case *syntax.TupleExpr:
		if s.index < len(x.List) {
			return x.List[s.index]
		}
	case *syntax.DictExpr:
		if s.index < len(x.List) {
			e := x.List[s.index].(*syntax.DictEntry)
			if s.key {
				return e.Key
			}
			return e.Value
		}
	}
	return x
}

// A Misuse is an error that carries its own hint.
type Misuse struct {
	message string
	hint    string
}

func (m *Misuse) Error() string { return m.message }

// Hint returns what to do instead.
func (m *Misuse) Hint() string { return m.hint }
