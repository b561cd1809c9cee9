package environments

import (
	"io"
	"strings"
	"unicode/utf8"
)

// WriteProblems writes problems as plain text, in the order given: position
// and message, the source line with a caret, where it was called from, a hint.
func WriteProblems(w io.Writer, problems []Problem) {
	var b strings.Builder
	for _, p := range problems {
		p.write(&b)
	}
	// Nothing could be done about a terminal that is gone.
	_, _ = io.WriteString(w, b.String())
}

func (p Problem) write(b *strings.Builder) {
	b.WriteString(p.Error() + "\n")
	if strings.TrimSpace(p.Source) != "" {
		before, after := "", ""
		if p.Offset > 0 {
			before = "…"
		}
		if p.Offset > 0 || utf8.RuneCountInString(p.Source) >= clipped {
			after = "…"
		}
		b.WriteString("    " + before + p.Source + after + "\n")
		b.WriteString("    " + p.caret(before) + "^\n")
	}
	for _, c := range p.Calls {
		b.WriteString("called from " + c.String() + "\n")
	}
	if p.Hint != "" {
		b.WriteString("hint: " + p.Hint + "\n")
	}
}

// clipped is the length of a source line that was cut.
const clipped = 160

// caret returns what stands before the caret: as wide as the line up to the
// column, tabs kept.
func (p Problem) caret(before string) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", utf8.RuneCountInString(before)))
	i := p.Offset
	for _, r := range p.Source {
		if i++; i >= p.Position.Column {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
