package layout

import (
	"slices"
	"testing"
)

// What a file means does not depend on how it is written, and on everything
// else.
func TestMeaning(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		same       bool
	}{
		{"blanks and quotes", "f( a=1,b = 'x' )", "f(\n    a = 1,\n    b = \"x\",\n)\n", true},
		{"spellings of a number", "x = 0x10", "x = 16", true},
		{"spellings of a text", `x = r"\\d"`, `x = "\\\\d"`, true},
		{"comments", "# a\nx = 1 #b", "#a\nx = 1  # b\n", true},
		{"a comment elsewhere", "# a\nx = 1\n", "x = 1  # a\n", true},
		{"a comment that is lost", "x = 1  # a\n", "x = 1\n", false},
		{"a comment that is another", "x = 1  # a\n", "x = 1  # b\n", false},
		{"the order of a list", `x = ["b", "a"]`, `x = ["a", "b"]`, false},
		{"the order of arguments", "f(a = 1, b = 2)", "f(b = 2, a = 1)", false},
		{"what is loaded", `load("a", "b")`, `load("a", b = "c")`, false},
		{"the order of loads", `load("a", "b", "c")`, `load("a", "c", "b")`, false},
		{"brackets", "x = (1 + 2) * 3", "x = 1 + 2 * 3", false},
		{"a tuple", "x = (1,)", "x = (1)", false},
		{"indentation", "def f():\n  if x:\n    g()\n  h()\n", "def f():\n  if x:\n    g()\n    h()\n", false},
		{"a text", `x = "a"`, `x = "a "`, false},
		{"an operator", "x += 1", "x = 1", false},
		{"a star", "f(*a)", "f(**a)", false},
	} {
		a, err := read("e.star", []byte(c.a))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		b, err := read("e.star", []byte(c.b))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if same := a.text == b.text && slices.Equal(a.comments, b.comments); same != c.same {
			t.Errorf("%s: the same is %v\n%s%s", c.name, same, a.text, b.text)
		}
	}
}
