package eval

import (
	"bytes"
	"cmp"
	"fmt"
	"unicode/utf8"

	"github.com/torrust/tracker-deployer/environments"
)

// Limits of one file.
const (
	MaxFile    = 2 << 20 // bytes
	MaxNesting = 1000    // levels of the syntax tree
)

// checkSource refuses a file that the parser or the resolver of
// go.starlark.net must not see: their recursion follows the syntax tree, and
// a chain such as a+a+a or a.b.c is a level of it for every link.
func checkSource(file string, src []byte) *environments.Problem {
	return scanSource(file, src, func(int) {})
}

// scanSource is checkSource, which calls statement with the offset of every
// statement of the top level, as long as nothing before it is wrong.
func scanSource(file string, src []byte, statement func(at int)) *environments.Problem {
	if len(src) > MaxFile {
		return &environments.Problem{Position: environments.Position{File: file},
			Message: fmt.Sprintf("the file has more than %d bytes (2 MiB)", MaxFile),
			Hint:    "keep data in a file of its own and code in libraries under lib/"}
	}
	if i := badByte(src); i >= 0 {
		message := "the file is not UTF-8"
		if src[i] == 0 {
			message = "the file contains a NUL byte"
		}
		return &environments.Problem{Position: positionAt(file, src, i), Message: message}
	}
	s := nesting{src: src, statement: statement}
	if what := s.scan(); what != "" {
		return &environments.Problem{Position: positionAt(file, src, s.at),
			Message: fmt.Sprintf("nested deeper than %d levels (%s)", MaxNesting, what),
			Hint:    "every link of a chain of operators, calls, indexes, elif branches or comprehension clauses is a level; split it"}
	}
	return nil
}

// badByte returns the offset of the first NUL or byte that is not UTF-8, or -1.
func badByte(src []byte) int {
	nul := bytes.IndexByte(src, 0)
	if utf8.Valid(src) {
		return nul
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			return i
		}
		i += n
	}
	return nul
}

// positionAt returns the position of a byte, columns counted in characters.
func positionAt(file string, src []byte, offset int) environments.Position {
	before := src[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return environments.Position{File: file, Line: bytes.Count(before, []byte{'\n'}) + 1, Column: utf8.RuneCount(before[start:]) + 1}
}

// nesting scans tokens and keeps a bound of the depth of the syntax tree at
// the current one: the sum over all open brackets and blocks of the links of
// their current chains. It never recurses and takes one pass.
type nesting struct {
	src      []byte
	at       int
	depth    int
	brackets []bracket
	blocks   []block
	operand  bool // whether the last token can be called, indexed or selected from
	fresh    bool // whether the next token is the first of a logical line

	statement func(at int) // is told where the statements of the top level begin
}

// A bracket is an open bracket, the first one the line itself.
type bracket struct {
	links   int // of the current chain; a comma or colon starts a new one
	clauses int // for and if clauses
}

// A block is a level of indentation.
type block struct {
	column int
	elifs  int // branches so far of the current if statement
}

// scan returns what nests too deep, or "". The offset is then s.at.
func (s *nesting) scan() string {
	s.brackets, s.blocks, s.fresh = []bracket{{}}, []block{{}}, true
	for s.at < len(s.src) {
		if what := s.token(); s.depth > MaxNesting {
			return cmp.Or(what, "blocks")
		}
	}
	return ""
}

// token consumes one token and returns what it would be called if it was one
// level too many.
func (s *nesting) token() string {
	if s.fresh && !s.indentation() {
		return ""
	}
	start, c := s.at, s.src[s.at]
	switch {
	case c == ' ' || c == '\t' || c == '\r':
		s.at++
	case c == '\n':
		s.at++
		if len(s.brackets) == 1 {
			s.chain(false)
			s.operand, s.fresh = false, true
		}
	case c == '\\':
		s.at += 2
	case c == '#':
		s.comment()
	case c == '"' || c == '\'':
		s.text(false)
		s.operand = true
	case isDigit(c) || c == '.' && s.at+1 < len(s.src) && isDigit(s.src[s.at+1]) && !s.operand:
		s.number()
		s.operand = true
	case isLetter(c):
		return s.word()
	case c == '(' || c == '[' || c == '{':
		return s.open(c)
	case c == ')' || c == ']' || c == '}':
		s.shut()
	case c == ',' || c == ':' || c == ';':
		s.at++
		s.chain(c != ';')
		s.operand = false
	default:
		s.operator()
		if s.src[start] == '.' {
			return s.link("attributes in a row")
		}
		if string(s.src[start:s.at]) == "=" {
			s.chain(true)
			return ""
		}
		return s.link("operators in a row")
	}
	return ""
}

// link adds a level to the current chain.
func (s *nesting) link(what string) string {
	s.brackets[len(s.brackets)-1].links++
	s.depth++
	return what
}

// chain ends the current chain; the clauses of a comprehension stay.
func (s *nesting) chain(keepClauses bool) {
	b := &s.brackets[len(s.brackets)-1]
	s.depth -= b.links
	b.links = 0
	if !keepClauses {
		s.depth -= b.clauses
		b.clauses = 0
	}
}

func (s *nesting) open(c byte) string {
	s.at++
	what := "brackets"
	if s.operand && c != '{' {
		s.link("")
		what = "calls in a row"
		if c == '[' {
			what = "indexes in a row"
		}
	}
	s.brackets = append(s.brackets, bracket{})
	s.depth++
	s.operand = false
	return what
}

func (s *nesting) shut() {
	s.at++
	s.operand = true
	if len(s.brackets) == 1 {
		return // the parser says what is wrong
	}
	s.chain(false)
	s.brackets = s.brackets[:len(s.brackets)-1]
	s.depth--
}

// indentation handles the start of a logical line. It reports whether there
// is a token on the line.
func (s *nesting) indentation() bool {
	column, i := 0, s.at
	for i < len(s.src) && (s.src[i] == ' ' || s.src[i] == '\t') {
		column++
		if s.src[i] == '\t' {
			column += 7 - (column-1)%8
		}
		i++
	}
	s.at = i
	if i >= len(s.src) || s.src[i] == '\n' || s.src[i] == '\r' || s.src[i] == '#' {
		if i < len(s.src) && s.src[i] == '#' {
			s.comment()
		} else if i < len(s.src) {
			s.at++
		}
		return false
	}
	s.fresh = false
	for len(s.blocks) > 1 && column < s.top().column {
		s.depth -= s.top().elifs + 1
		s.blocks = s.blocks[:len(s.blocks)-1]
	}
	if column > s.top().column {
		s.blocks = append(s.blocks, block{column: column})
		s.depth++
	}
	if !s.startsWith("elif") && !s.startsWith("else") {
		s.depth -= s.top().elifs
		s.top().elifs = 0
		if column == 0 {
			s.statement(s.at)
		}
	}
	return true
}

func (s *nesting) top() *block { return &s.blocks[len(s.blocks)-1] }

func (s *nesting) startsWith(word string) bool {
	rest := s.src[s.at:]
	return bytes.HasPrefix(rest, []byte(word)) && (len(rest) == len(word) || !isLetter(rest[len(word)]) && !isDigit(rest[len(word)]))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}
