package eval

import (
	"bytes"
	"unicode/utf8"
)

// A Comment is a comment of a Starlark file.
type Comment struct {
	Line   int    // from 1
	Column int    // of the #, in characters, from 1
	Alone  bool   // whether nothing else is on the line
	Text   string // from the # on, without the blanks at its end
}

// Comments returns the comments of a file that can be parsed, in order. It
// reads them from the text: the parser loses those behind a single number or
// name.
func Comments(src []byte) []Comment {
	var list []Comment
	line, start := 1, 0 // of the current line
	for i := 0; i < len(src); {
		n := 1
		switch src[i] {
		case '\n':
			line, start = line+1, i+1
		case '#':
			if n = bytes.IndexByte(src[i:], '\n'); n < 0 {
				n = len(src) - i
			}
			before := src[start:i]
			list = append(list, Comment{
				Line: line, Column: utf8.RuneCount(before) + 1, Alone: len(bytes.TrimSpace(before)) == 0,
				Text: string(bytes.TrimRight(src[i:i+n], " \t\r")),
			})
		case '"', '\'':
			n = quoted(src[i:])
			if last := bytes.LastIndexByte(src[i:i+n], '\n'); last >= 0 {
				line, start = line+bytes.Count(src[i:i+n], []byte("\n")), i+last+1
			}
		}
		i += n
	}
	return list
}

// quoted returns the length of the text that src starts with. A backslash
// keeps the quote behind it in raw texts as well.
func quoted(src []byte) int {
	quote := src[:1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(src, triple) {
		quote = triple
	}
	for i := len(quote); i < len(src); i++ {
		if src[i] == '\\' {
			i++
		} else if bytes.HasPrefix(src[i:], quote) {
			return i + len(quote)
		}
	}
	return len(src)
}
