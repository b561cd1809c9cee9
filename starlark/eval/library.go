package eval

import (
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/starlark/lib"
)

// A Library is a module of the standard library.
type Library struct {
	Module    string // "@torrust//tracker.star"
	Doc       string
	Functions []Function
}

// A Function is what a library exports.
type Function struct {
	Name       string
	Doc        string
	Parameters []string // as written: `udp = [6969]`
}

// homes says which library brings a name that users may forget to load.
var homes = map[string]string{"tracker": "@torrust//tracker.star"}

// Libraries returns the standard library, by module name, from its docstrings.
func Libraries() ([]Library, error) {
	var list []Library
	for _, name := range lib.Names() {
		src, err := lib.Read(name)
		if err != nil {
			return nil, err
		}
		l, err := describe(builtins.LibraryPrefix+name, src)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func describe(module string, src []byte) (Library, error) {
	l := Library{Module: module}
	tree, err := (&syntax.FileOptions{}).Parse(module, src, 0)
	if err != nil {
		return l, err
	}
	l.Doc = docstring(tree.Stmts)
	for _, s := range tree.Stmts {
		d, ok := s.(*syntax.DefStmt)
		if !ok || d.Name.Name[0] == '_' {
			continue
		}
		f := Function{Name: d.Name.Name, Doc: docstring(d.Body)}
		for _, p := range d.Params {
			f.Parameters = append(f.Parameters, written(src, p))
		}
		l.Functions = append(l.Functions, f)
	}
	return l, nil
}

func docstring(body []syntax.Stmt) string {
	if len(body) == 0 {
		return ""
	}
	if x, ok := body[0].(*syntax.ExprStmt); ok {
		if lit, ok := x.X.(*syntax.Literal); ok && lit.Token == syntax.STRING {
			return lit.Value.(string)
		}
	}
	return ""
}

// written returns a parameter as its source has it.
func written(src []byte, p syntax.Expr) string {
	switch p := p.(type) {
	case *syntax.Ident:
		return p.Name
	case *syntax.UnaryExpr:
		name := ""
		if id, ok := p.X.(*syntax.Ident); ok {
			name = id.Name
		}
		return p.Op.String() + name
	case *syntax.BinaryExpr:
		start, end := p.Y.Span()
		return p.X.(*syntax.Ident).Name + " = " + string(src[offset(src, start):offset(src, end)])
	}
	return ""
}

// offset returns the byte at a position; libraries are ASCII.
func offset(src []byte, p syntax.Position) int {
	at := 0
	for range p.Line - 1 {
		for src[at] != '\n' {
			at++
		}
		at++
	}
	return at + int(p.Col) - 1
}
