package lint

import (
	"regexp"
	"strings"

	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A file is a source, taken apart.
type file struct {
	Source
	tree    *syntax.File
	calls   []*syntax.CallExpr
	ignored map[int][]string // codes by line
	unknown []ignore         // comments that name no rule
}

// An ignore is a code in a comment that silences.
type ignore struct {
	code string
	at   environments.Position
}

func parse(s Source) (*file, error) {
	tree, err := eval.Parse(s.File, s.Text, s.Entry)
	if err != nil {
		return nil, err
	}
	f := &file{Source: s, tree: tree, ignored: map[int][]string{}}
	syntax.Walk(tree, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			f.calls = append(f.calls, call)
		}
		return true
	})
	f.silences()
	return f, nil
}

var ignoreRE = regexp.MustCompile(`^#\s*lint:\s*ignore\s+([\w-]+(?:\s*,\s*[\w-]+)*)`)

// silences notes which lines comments are about.
func (f *file) silences() {
	lines := strings.Split(string(f.Text), "\n")
	for _, c := range eval.Comments(f.Text) {
		m := ignoreRE.FindStringSubmatch(c.Text)
		if m == nil {
			continue
		}
		about := c.Line
		for about < len(lines) && blank(lines[about-1]) {
			about++
		}
		for code := range strings.SplitSeq(m[1], ",") {
			code = strings.TrimSpace(code)
			f.ignored[about] = append(f.ignored[about], code)
			if _, known := Find(code); !known {
				f.unknown = append(f.unknown, ignore{code, environments.Position{File: f.File, Line: c.Line, Column: c.Column}})
			}
		}
	}
}

// blank reports whether a line holds nothing but a comment.
func blank(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// at returns the position of a node.
func (f *file) at(n syntax.Node) environments.Position {
	start, _ := n.Span()
	return builtins.Position(start)
}

// argument returns where an argument of the call at a position is written,
// or, where inner is a name and a first argument, that call within it; the
// position itself for what is not written there.
func (f *file) argument(at environments.Position, name string, inner []string) environments.Position {
	for _, call := range f.calls {
		if f.at(called(call)) != at {
			continue
		}
		for _, arg := range call.Args {
			if kw, ok := keyword(arg); ok && kw.X.(*syntax.Ident).Name == name {
				return f.within(kw.Y, inner)
			}
		}
	}
	return at
}

// within returns the position of a call in x such as tcp(80), else that of x.
func (f *file) within(x syntax.Expr, inner []string) environments.Position {
	found := f.at(x)
	if len(inner) < 2 {
		return found
	}
	syntax.Walk(x, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		fn, named := call.Fn.(*syntax.Ident)
		first, literal := call.Args[0].(*syntax.Literal)
		if named && literal && fn.Name == inner[0] && first.Raw == inner[1] {
			found = f.at(call)
		}
		return true
	})
	return found
}

// called returns the node whose place is that of a call: what is called, or
// the method when it is one of an expression.
func called(call *syntax.CallExpr) syntax.Node {
	if dot, ok := call.Fn.(*syntax.DotExpr); ok {
		if _, ok := dot.X.(*syntax.Ident); !ok {
			return dot.Name
		}
	}
	return call.Fn
}

// keyword returns an argument or a parameter that is written name = value.
func keyword(x syntax.Expr) (*syntax.BinaryExpr, bool) {
	kw, ok := x.(*syntax.BinaryExpr)
	return kw, ok && kw.Op == syntax.EQ
}

// docstring returns the text that a body starts with.
func docstring(body []syntax.Stmt) string {
	if len(body) == 0 {
		return ""
	}
	if x, ok := body[0].(*syntax.ExprStmt); ok {
		s, _ := text(x.X)
		return s
	}
	return ""
}

// text returns the value of a literal text.
func text(x syntax.Expr) (string, bool) {
	if lit, ok := x.(*syntax.Literal); ok && lit.Token == syntax.STRING {
		return lit.Value.(string), true
	}
	return "", false
}
