package layout

import (
	"bytes"

	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// spaces returns a copy of src that is indented with spaces: the other parser
// does not take tabs. Lines in the middle of a statement or of a text stay.
func spaces(file string, src []byte) ([]byte, error) {
	if !bytes.ContainsRune(src, '\t') {
		return bytes.Clone(src), nil
	}
	tree, err := eval.Parse(file, src, true)
	if err != nil {
		return nil, err
	}
	starts := map[int32]bool{}
	syntax.Walk(tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case nil:
			return false
		case syntax.Stmt:
			start, _ := n.Span()
			starts[start.Line] = true
			if branch, ok := n.(*syntax.IfStmt); ok {
				starts[branch.ElsePos.Line] = true
			}
		}
		return true
	})
	for _, c := range eval.Comments(src) {
		if c.Alone {
			starts[int32(c.Line)] = true
		}
	}
	lines := bytes.SplitAfter(src, []byte("\n"))
	for i, line := range lines {
		if starts[int32(i+1)] {
			lines[i] = expanded(line)
		}
	}
	return bytes.Join(lines, nil), nil
}

// expanded replaces the tabs that a line starts with; each leads to the next
// multiple of eight, as in the language.
func expanded(line []byte) []byte {
	rest := bytes.TrimLeft(line, " \t")
	width := 0
	for _, c := range line[:len(line)-len(rest)] {
		width++
		if c == '\t' {
			width += 7 - (width-1)%8
		}
	}
	return append(bytes.Repeat([]byte{' '}, width), rest...)
}
