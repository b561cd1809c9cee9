package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.starlark.net/syntax"
	"golang.org/x/tools/txtar"
)

// drawn shows everything that evaluation sees of a parsed file.
func drawn(p parsed) string {
	var b strings.Builder
	syntax.Walk(p.tree, func(n syntax.Node) bool {
		if n == nil {
			b.WriteString(")")
			return true
		}
		if _, ok := n.(*syntax.File); ok {
			return true
		}
		start, end := n.Span()
		fmt.Fprintf(&b, "\n(%T %s %s", n, start, end)
		switch n := n.(type) {
		case *syntax.Ident:
			b.WriteString(" " + n.Name)
		case *syntax.Literal:
			fmt.Fprintf(&b, " %v", n.Value)
		case *syntax.BinaryExpr:
			b.WriteString(" " + n.Op.String())
		case *syntax.UnaryExpr:
			b.WriteString(" " + n.Op.String())
		}
		return true
	})
	for _, c := range p.calls {
		fmt.Fprintf(&b, "\ncall %s", c.Lparen)
	}
	return b.String()
}

// Whatever a file is, it comes out of pieces of one statement as it does out
// of one piece, and what is wrong is told in the same words.
func TestPiecesAreTheWhole(t *testing.T) {
	texts := map[string]string{
		"blocks":    "def f(a):\n    if a:\n        return 1\n    elif b:\n        pass\n\n    else:\n        pass\nif x:\n  y = 1\nelif z:\n  y = 2\nelse:\n  y = 3\nfor i in y:\n  f(i)\n",
		"strings":   "a = '''\nb = 1\n'''\nc = r'\\'; d = \"\"\"x\n\\\"\"\" y\n\"\"\"\ne = 'a' \\\n  'b'\n",
		"brackets":  "a = [\n1,\n2]\nb = {\n'x': (\n1)}\nc(\n\nd)\n# e\n   # f\n\n\ng = 1",
		"open":      "a = [\nb = 1\nc = 2\n",
		"shut":      "a = 1\nb = 2]\nc = 3\n",
		"indented":  "a = 1\n  b = 2\nc = 3\n",
		"unclosed":  "a = 1\nb = 'x\nc = 3\n",
		"two wrong": "a = 1\nb = = 2\nc = = 3\n",
		"returns":   "a = 1\r\nb = 2\r\nif a:\r\n  c = 3\r\nd = 4\r\n",
		"empty":     "",
		"docstring": "\"doc\"\nx = 1\n",
	}
	files, err := filepath.Glob("../../environments/*.star")
	if err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Glob("../../testdata/wrong/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(data)
	}
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range archive.Files {
			texts[file+" "+part.Name] = string(part.Data)
		}
	}
	for name, text := range texts {
		options := &syntax.FileOptions{TopLevelControl: true}
		want, wantErr := parsePieces("e.star", []byte(text), options, len(text)+1)
		got, gotErr := parsePieces("e.star", []byte(text), options, 1)
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			t.Errorf("%s: got error %v, want %v", name, gotErr, wantErr)
		}
		if wantErr == nil && gotErr == nil && drawn(got) != drawn(want) {
			t.Errorf("%s: got%s\nwant%s", name, drawn(got), drawn(want))
		}
	}
}
