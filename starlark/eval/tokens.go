package eval

import (
	"bytes"
	"strings"
)

// word consumes a name, a keyword or a string with a prefix.
func (s *nesting) word() string {
	start := s.at
	for s.at < len(s.src) && (isLetter(s.src[s.at]) || isDigit(s.src[s.at])) {
		s.at++
	}
	w := string(s.src[start:s.at])
	if s.at < len(s.src) && (s.src[s.at] == '"' || s.src[s.at] == '\'') {
		switch w {
		case "r", "b", "rb":
			s.text(w != "b")
			s.operand = true
			return ""
		}
	}
	s.operand = false
	switch w {
	case "for":
		return s.clause("comprehension clauses")
	case "if":
		if len(s.brackets) > 1 && s.brackets[len(s.brackets)-1].clauses > 0 {
			return s.clause("comprehension clauses")
		}
		return s.link("conditions in a row")
	case "elif":
		s.top().elifs++
		s.depth++
		return "elif branches"
	case "and", "or", "not", "in", "else", "lambda":
		return s.link("operators in a row")
	case "return", "pass", "break", "continue", "def", "load", "while":
		return ""
	}
	s.operand = true
	return ""
}

// clause counts for and if inside a bracket, which no comma ends.
func (s *nesting) clause(what string) string {
	if len(s.brackets) == 1 {
		return ""
	}
	s.brackets[len(s.brackets)-1].clauses++
	s.depth++
	return what
}

func (s *nesting) comment() {
	if i := bytes.IndexByte(s.src[s.at:], '\n'); i >= 0 {
		s.at += i
	} else {
		s.at = len(s.src)
	}
}

// text consumes a string from its opening quote; in a raw one a backslash
// still keeps the quote after it from ending it.
func (s *nesting) text(bool) {
	quote := s.src[s.at]
	end := []byte{quote}
	if bytes.HasPrefix(s.src[s.at:], []byte{quote, quote, quote}) {
		end = []byte{quote, quote, quote}
	}
	s.at += len(end)
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case c == '\\':
			s.at += 2
		case c == '\n' && len(end) == 1:
			return // the parser says what is wrong
		case c == quote && bytes.HasPrefix(s.src[s.at:], end):
			s.at += len(end)
			return
		default:
			s.at++
		}
	}
	s.at = len(s.src)
}

// number consumes an integer or a float.
func (s *nesting) number() {
	for s.at < len(s.src) {
		c := s.src[s.at]
		exponent := (c == '+' || c == '-') && (s.src[s.at-1] == 'e' || s.src[s.at-1] == 'E') && s.decimal()
		if !isDigit(c) && !isLetter(c) && c != '.' && !exponent {
			return
		}
		s.at++
	}
}

// decimal reports whether the number that ends before the current byte is no
// hexadecimal one, in which e is a digit.
func (s *nesting) decimal() bool {
	i := s.at - 1
	for i > 0 && (isDigit(s.src[i-1]) || isLetter(s.src[i-1]) || s.src[i-1] == '.') {
		i--
	}
	return !bytes.HasPrefix(s.src[i:], []byte("0x")) && !bytes.HasPrefix(s.src[i:], []byte("0X"))
}

var operators = []string{"//=", "<<=", ">>=", "**", "//", "<<", ">>", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="}

// seconds are the second bytes of operators.
const seconds = "/<>=*"

// operator consumes one operator or an unknown byte.
func (s *nesting) operator() {
	s.operand = false
	if s.at+1 == len(s.src) || strings.IndexByte(seconds, s.src[s.at+1]) < 0 {
		s.at++
		return
	}
	for _, op := range operators {
		if bytes.HasPrefix(s.src[s.at:], []byte(op)) {
			s.at += len(op)
			return
		}
	}
	s.at++
}
