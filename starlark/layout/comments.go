package layout

import (
	"bytes"
	"slices"
)

// comments returns the comments of a file that can be parsed, sorted, without
// the blanks around them. It reads them from the text: the parser loses those
// behind a single number or name.
func comments(src []byte) []string {
	var list []string
	for i := 0; i < len(src); {
		switch src[i] {
		case '#':
			end := len(src)
			if n := bytes.IndexByte(src[i:], '\n'); n >= 0 {
				end = i + n
			}
			list = append(list, string(bytes.TrimSpace(src[i+1:end])))
			i = end
		case '"', '\'':
			i += text(src[i:])
		default:
			i++
		}
	}
	slices.Sort(list)
	return list
}

// text returns the length of the text that src starts with. A backslash keeps
// the quote behind it in raw texts as well.
func text(src []byte) int {
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
