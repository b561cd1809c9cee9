package eval

import (
	"bytes"
	"fmt"
	"sync"

	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

// pieceSize is how many bytes of a file are parsed at a time, or more where a
// statement is longer. A file of a usual size is one piece.
const pieceSize = 128 << 10

// A parsed file is its tree, rewritten, and where its calls are.
type parsed struct {
	tree  *syntax.File
	calls []*syntax.CallExpr
}

// parse checks, parses and rewrites a file. Thousands of statements are parsed
// several pieces at a time, each as soon as its nesting is known to be harmless;
// the outcome is that of parsing the whole. An error is an *Error or what the
// parser says.
func parse(file string, src []byte, options *syntax.FileOptions) (parsed, error) {
	return parsePieces(file, src, options, pieceSize)
}

func parsePieces(file string, src []byte, options *syntax.FileOptions, size int) (parsed, error) {
	var pieces []*piece
	var group sync.WaitGroup
	defer group.Wait()
	start, line := 0, 1
	cut := func(end int) {
		p := &piece{portion: syntax.FilePortion{Content: src[start:end], FirstLine: int32(line), FirstCol: 1}}
		pieces = append(pieces, p)
		line += bytes.Count(src[start:end], []byte{'\n'})
		start = end
		group.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					p.err = fmt.Errorf("%v", r) // parsing the whole shows it to who can tell the user
				}
			}()
			p.parse(file, options)
		})
	}
	problem := scanSource(file, src, func(at int) {
		if at-start >= size {
			cut(at)
		}
	})
	if problem != nil {
		return parsed{}, &Error{[]environments.Problem{*problem}}
	}
	if start == 0 {
		return whole(file, src, options)
	}
	cut(len(src))
	group.Wait()
	all := pieces[0].parsed
	for i, p := range pieces {
		if p.err != nil {
			return whole(file, src, options) // which tells what is wrong first
		}
		if i > 0 {
			all.tree.Stmts = append(all.tree.Stmts, p.tree.Stmts...)
			all.calls = append(all.calls, p.calls...)
		}
	}
	return all, nil
}

// whole parses and rewrites a file that was checked, at once.
func whole(file string, src []byte, options *syntax.FileOptions) (parsed, error) {
	p := &piece{portion: syntax.FilePortion{Content: src, FirstLine: 1, FirstCol: 1}}
	p.parse(file, options)
	return p.parsed, p.err
}

// A piece is a part of a file: whole statements of its top level.
type piece struct {
	portion syntax.FilePortion
	parsed
	err error
}

func (p *piece) parse(file string, options *syntax.FileOptions) {
	if p.tree, p.err = options.Parse(file, p.portion, 0); p.err != nil {
		return
	}
	var r rewriter
	r.stmts(p.tree.Stmts)
	p.calls = r.calls
}
