package eval

import (
	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

// Parse returns the syntax tree of an environment file or a library as it was
// written, without running it: comments are kept, operators are not replaced.
// What Load would refuse before running is an *Error in the same words. With
// entry, if and for may stand at the top level.
func Parse(file string, src []byte, entry bool) (*syntax.File, error) {
	if p := checkSource(file, src); p != nil {
		problems := []environments.Problem{*p}
		AddSource(problems, map[string][]byte{file: src})
		return nil, &Error{problems}
	}
	options := &syntax.FileOptions{TopLevelControl: entry}
	tree, err := options.Parse(file, src, syntax.RetainComments)
	if err == nil {
		err = loops(tree)
	}
	if err != nil {
		l := &loader{entry: file, sources: map[string][]byte{file: src}}
		return nil, l.report(l.translate(err))
	}
	return tree, nil
}

// loops refuses while, which the parser knows and the language does not have.
func loops(tree *syntax.File) error {
	var list resolve.ErrorList
	syntax.Walk(tree, func(n syntax.Node) bool {
		if w, ok := n.(*syntax.WhileStmt); ok {
			list = append(list, resolve.Error{Pos: w.While, Msg: "the language does not support while loops"})
		}
		return true
	})
	if list == nil {
		return nil
	}
	return list
}

// AddSource fills in the source lines of problems from files by their name;
// of a very long line the part around the column. Other files are left out.
func AddSource(problems []environments.Problem, sources map[string][]byte) {
	l := &loader{sources: sources}
	for i := range problems {
		l.addSource(&problems[i])
	}
}
