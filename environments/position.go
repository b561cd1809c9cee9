package environments

import "fmt"

// A Position is a place in an environment file, shown as file:line:col.
// File is relative to the project root; the zero Position is unknown.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String returns "file:line:col", the file alone when no line is known, or "-"
// when the position is unknown.
func (p Position) String() string {
	if p.File == "" {
		return "-"
	}
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders positions by file, line and column.
func (p Position) Compare(q Position) int {
	switch {
	case p.File != q.File:
		if p.File < q.File {
			return -1
		}
		return 1
	case p.Line != q.Line:
		return p.Line - q.Line
	default:
		return p.Column - q.Column
	}
}

// A Problem is one thing wrong with an environment file: a fact, where it is,
// and what to do about it.
type Problem struct {
	Position Position   `json:"position"`
	Message  string     `json:"message"`          // lowercase fact, without the position
	Source   string     `json:"source"`           // the source line, "" when unknown; of a very long one a part
	Offset   int        `json:"offset,omitempty"` // characters of the line before Source
	Calls    []Position `json:"calls"`            // where it was called from, innermost first
	Hint     string     `json:"hint,omitempty"`   // the next thing to do, "" for none
}

// Error returns "file:line:col: message".
func (p Problem) Error() string {
	if p.Position.File == "" {
		return p.Message
	}
	return p.Position.String() + ": " + p.Message
}
