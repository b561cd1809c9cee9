// Package reference tells others about the language: editors by Python stubs,
// checkers by JSON Schema, people by a page in Markdown.
//
// All of it comes from the tables of package builtins and from the docstrings
// of the standard library; nothing about a built-in is written here. What the
// words for types in those tables mean to Python and to JSON Schema is the
// table in types.go.
package reference

import (
	"slices"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A File is a file to be written.
type File struct {
	Name string // relative, with slashes
	Data []byte
}

// A Form is one way in which the language is described.
type Form struct {
	Name  string // as --as takes it
	Doc   string
	Files func() ([]File, error) // the same bytes for the same program
}

// Forms returns every form.
func Forms() []Form {
	return []Form{
		{"python", "typed Python stubs, for starlark-lsp (--builtin-paths DIR) and pyright (stubPath)", Python},
		{"schema", "a JSON Schema of the arguments of each built-in", Schemas},
		{"markdown", "the reference page", Markdown},
	}
}

// A library is a module of the standard library.
type library = eval.Library

// typeOf returns a type of handle by its name.
func typeOf(name string) (builtins.Type, bool) {
	types := builtins.Types()
	i := slices.IndexFunc(types, func(t builtins.Type) bool { return t.Name == name })
	if i < 0 {
		return builtins.Type{}, false
	}
	return types[i], true
}
