package builtins

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

// LibraryPrefix starts the file name of every module that ships with the
// program.
const LibraryPrefix = "@torrust//"

// Files is how built-ins read the project. Both record what they read.
type Files interface {
	// ReadFile returns the content of a file by its path relative to the root.
	ReadFile(path string) ([]byte, error)
	// Match returns the files that a pattern of include matches and none of
	// exclude, sorted.
	Match(include, exclude []string) ([]string, error)
}

// An Evaluation collects what one evaluation declares and what is wrong with
// it. It belongs to one thread.
type Evaluation struct {
	Environment *environments.Environment

	// Files reads the project.
	Files Files
	// Call returns the call expression at a position that a frame reports,
	// or nil.
	Call func(syntax.Position) *syntax.CallExpr
	// Loading reports whether a loaded module is being executed at its top
	// level.
	Loading func() bool
	// Print takes what print() is given; nil drops it.
	Print func(string)
	// Cancel stops the evaluation.
	Cancel func(reason string)
	// Params are the values of param(), by name, and what set them.
	Params map[string]Setting

	problems []environments.Problem
	declared map[string]environments.Position // by node, broken ones too
	order    []string                         // keys of declared, as they came
	broken   []string                         // nodes with a wrong argument
	forward  []forward                        // what label() named
	spare    *call                            // that has returned, nil = none
}

// Expect makes room for n tasks, which is a guess of who has read the file.
// Nothing is declared yet.
func (e *Evaluation) Expect(n int) {
	if n > 0 {
		e.Environment.Tasks = slices.Grow(e.Environment.Tasks, n)
		e.declared, e.order = make(map[string]environments.Position, n), make([]string, 0, n)
	}
}

// A Setting is the value of a parameter from outside the environment file: a
// string, float64, bool or []any, as JSON has them.
type Setting struct {
	Value any
	From  string // "the command line" or a file name
}

const localKey = "evaluation"

// Attach makes e the evaluation of thread.
func (e *Evaluation) Attach(thread *starlark.Thread) {
	thread.SetLocal(localKey, e)
}

func evaluationOf(thread *starlark.Thread) *Evaluation {
	return thread.Local(localKey).(*Evaluation)
}

// Problems returns what was recorded, in the order of evaluation.
func (e *Evaluation) Problems() []environments.Problem { return e.problems }

// Broken returns the nodes that were declared with a wrong argument and are
// therefore not in the Environment.
func (e *Evaluation) Broken() []string { return e.broken }

// Where returns the position that a problem at stack is shown at, and its
// callers, innermost first: the innermost frame outside the library that
// ships with the program.
func Where(stack starlark.CallStack) (environments.Position, []environments.Position) {
	frames := Frames(stack)
	for i, f := range frames {
		if !strings.HasPrefix(f.File, LibraryPrefix) {
			return f, callers(frames[i+1:])
		}
	}
	if len(frames) == 0 {
		return environments.Position{}, nil
	}
	return frames[0], callers(frames[1:])
}

// where is Where for the stack of a running thread.
func where(thread *starlark.Thread) (environments.Position, []environments.Position) {
	var at environments.Position
	var calls []environments.Position
	found := false
	for i := range thread.CallStackDepth() {
		p := thread.CallFrame(i).Pos
		switch {
		case p.Line <= 0:
		case !found && !strings.HasPrefix(p.Filename(), LibraryPrefix):
			at, calls, found = Position(p), nil, true
		case at.File == "":
			at = Position(p) // of the standard library, unless a user's frame follows
		default:
			calls = append(calls, Position(p))
		}
	}
	return at, calls
}

// callers returns frames, nil for none.
func callers(frames []environments.Position) []environments.Position {
	if len(frames) == 0 {
		return nil
	}
	return frames
}

// Frames returns the positions of stack, innermost first, without built-ins.
func Frames(stack starlark.CallStack) []environments.Position {
	frames := make([]environments.Position, 0, len(stack))
	for i := len(stack) - 1; i >= 0; i-- {
		if stack[i].Pos.Line > 0 {
			frames = append(frames, Position(stack[i].Pos))
		}
	}
	return frames
}

// Position converts a position of a syntax tree.
func Position(p syntax.Position) environments.Position {
	return environments.Position{File: p.Filename(), Line: int(p.Line), Column: int(p.Col)}
}

// appended is append for lists that may become long: their place is doubled
// when it is full, so that elements are moved once on average.
func appended[T any](list []T, x T) []T {
	if len(list) == cap(list) {
		list = slices.Grow(list, len(list)+8)
	}
	return append(list, x)
}

// claim notes that a node is declared at the position of the call.
func (c *call) claim(node string) {
	if c.declared == nil {
		c.declared = map[string]environments.Position{}
	}
	c.declared[node] = c.pos
	c.order = append(c.order, node)
}
