package remote

import "strings"

// quote makes one word of a POSIX shell out of s, which must not hold NUL.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// command makes a line of shell out of words.
func command(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// A script is what goes down as a batch: shell text, and the payloads that its
// commands read, in their order.
type script struct {
	text     string
	payloads [][]byte
}

// line adds a line of words.
func (s *script) line(words ...string) {
	s.text += command(words...) + "\n"
}

// yes is how the functions of sh/ spell a bool.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
