// Package layout gives environment files and libraries one layout.
//
// [Format] is the layout of buildifier, without what it does to the BUILD
// files of Bazel: no argument and no list is sorted, since their order means
// something here. It changes white space, line breaks, quotes and commas, and
// nothing else: the result is parsed again and compared with the original,
// so that a file never comes back meaning something else or without a comment.
package layout

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/bazelbuild/buildtools/build"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// Format returns src in the one layout; formatting the result again returns
// it unchanged. A file that cannot be parsed is an *eval.Error, as Load has
// it. file is what problems call it. An empty file stays empty.
func Format(file string, src []byte) ([]byte, error) {
	before, err := read(file, src)
	if err != nil {
		return nil, err
	}
	if before.foreign != nil {
		return nil, refused(file, src, *before.foreign)
	}
	out, err := settle(file, src)
	if err != nil {
		return nil, err
	}
	after, err := read(file, out)
	if err != nil {
		return nil, unable(file, "the result cannot be parsed")
	}
	switch {
	case after.text != before.text:
		return nil, unable(file, "the result would mean something else")
	case !slices.Equal(after.comments, before.comments):
		return nil, unable(file, "a comment would be lost")
	}
	return out, nil
}

// rounds in which the layout must have settled: moving a comment may open a
// line that the next round closes.
const rounds = 4

// settle formats until nothing changes any more.
func settle(file string, src []byte) ([]byte, error) {
	for range rounds {
		out, err := once(file, src)
		if err != nil || bytes.Equal(out, src) {
			return out, err
		}
		src = out
	}
	return nil, unable(file, "the layout does not settle")
}

// once formats a file that has been checked.
func once(file string, src []byte) ([]byte, error) {
	indented, err := spaces(file, src)
	if err != nil {
		return nil, err
	}
	tree, err := build.ParseDefault(file, indented)
	if err != nil {
		return nil, translate(file, src, err)
	}
	return build.FormatWithoutRewriting(tree), nil
}

// translate words an error of the other parser, which knows less of the
// language and is asked second.
func translate(file string, src []byte, err error) error {
	p := environments.Problem{Message: err.Error()}
	var e build.ParseError
	if errors.As(err, &e) {
		p.Message = e.Message
		p.Position.Line, p.Position.Column = e.Pos.Line, e.Pos.LineRune
	}
	return refused(file, src, p)
}

// refused says what in a file cannot be formatted.
func refused(file string, src []byte, p environments.Problem) error {
	p.Position.File, p.Message = file, "cannot be formatted: "+p.Message
	problems := []environments.Problem{p}
	eval.AddSource(problems, map[string][]byte{file: src})
	return &eval.Error{Problems: problems}
}

// unable says that a file is left as it is.
func unable(file, why string) error {
	return &eval.Error{Problems: []environments.Problem{{
		Position: environments.Position{File: file}, Message: fmt.Sprintf("cannot be formatted: %s", why),
		Hint: "this is a defect of the program; please report it with this file",
	}}}
}
