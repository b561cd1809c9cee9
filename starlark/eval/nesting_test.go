package eval

import (
	"fmt"
	"strings"
	"testing"
)

// TestNestingAccepts shows that what people and generators write is not
// mistaken for nesting: long lists, many statements, text with anything in it.
func TestNestingAccepts(t *testing.T) {
	rows := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, src := range map[string]string{
		"list":       "x = [\n" + rows(20000, "    %d + 1,\n") + "]\n",
		"dict":       "x = {\n" + rows(20000, "    \"k%d\": f(a.b[0] + 1),\n") + "}\n",
		"statements": rows(20000, "x%d = a + b.c(d)[1] - 2\n"),
		"arguments":  "f(\n" + rows(2000, "    k%d = a and b,\n") + ")\n",
		"functions":  rows(2000, "def f%d(a, b = 1):\n    if a:\n        return b\n    elif b:\n        return a\n    else:\n        return not a\n"),
		"ifs":        rows(5000, "if x == %d:\n    pass\nelif y:\n    pass\n"),
		"elif":       "if x:\n    pass\n" + rows(900, "elif x == %d:\n    pass\n"),
		"semicolons": rows(5000, "a%d = 1 + 2; ") + "\n",
		"strings":    rows(5000, "x%d = \"+.[({\" + '\\'[[[' + r'\\\\' + b\"((\" + \"\"\"\n[({\"'\n\"\"\"\n"),
		"numbers":    rows(5000, "x%d = 1e-5 + 1.5e+3 + .5 + 0x1e + 0x1e-1\n"),
		"clauses":    rows(2000, "x%d = [a for a in b if a for c in d if f(c, a)]\n"),
		"comments":   rows(5000, "# %d + ([{ \" ' \"\"\"\n"),
		"lines":      "x = (\n" + rows(900, "    %d +\n") + "    1)\n",
		"continued":  rows(2000, "x%d = 1 + \\\n    2\n"),
		"deep":       strings.Repeat("[", 900) + strings.Repeat("]", 900) + "\n",
	} {
		if p := checkSource("e.star", []byte(src)); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestNestingRefuses goes one link over the limit, each in a disguise.
func TestNestingRefuses(t *testing.T) {
	for name, src := range map[string]string{
		"operators":    "x = 1" + strings.Repeat(" + 1", 1001),
		"over lines":   "x = (1" + strings.Repeat("\n+ 1", 1001) + ")",
		"continued":    "x = 1" + strings.Repeat(" \\\n+ 1", 1001),
		"attributes":   "x = a" + strings.Repeat(". a", 1001),
		"mixed":        "x = a" + strings.Repeat(".b[0](1)", 340),
		"after string": "x = 'a'" + strings.Repeat("[0]", 1001),
		"inside":       strings.Repeat("f(1 + ", 500) + "1" + strings.Repeat(")", 500),
		"lambda":       "x = 1" + strings.Repeat(" or lambda: 1 or 1", 1) + strings.Repeat(" or 1", 1001),
		"not in":       "x = 1" + strings.Repeat(" not in 1", 501),
		"elif":         "if x:\n  if y:\n    pass\n" + strings.Repeat("  elif y:\n    pass\n", 1001),
		"clauses":      "x = {1: 1" + strings.Repeat(" for a, b in c(d, e)", 1001) + "}",
		"blocks":       blocks(1001),
	} {
		if p := checkSource("e.star", []byte(src+"\n")); p == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func blocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "if x:\n")
	}
	return b.String() + strings.Repeat(" ", n) + "pass"
}
