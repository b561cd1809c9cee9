package eval

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"

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
var homes = map[string]string{
	"alertmanager":   "@torrust//monitoring.star",
	"grafana":        "@torrust//monitoring.star",
	"hello":          "@torrust//hello.star",
	"listener":       "@torrust//tracker.star",
	"mysql":          "@torrust//mysql.star",
	"mysql_external": "@torrust//mysql.star",
	"prometheus":     "@torrust//monitoring.star",
	"sqlite":         "@torrust//tracker.star",
	"tracker":        "@torrust//tracker.star",
}

// Libraries returns the standard library, by module name, from its docstrings.
//
// A docstring is what it says without the indentation that its lines share and
// blank lines at its ends.
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

// ProjectLibraries returns the libraries under lib/ of a project, sorted by
// module name. Files that cannot be read or parsed are left out: load says
// what is wrong with them.
func ProjectLibraries(root string) []Library {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil
	}
	defer dir.Close()
	f := &files{root: dir}
	var list []Library
	_ = fs.WalkDir(dir.FS(), "lib", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(name) != ".star" {
			return nil
		}
		src, err := f.read(name, MaxFile)
		if err != nil || checkSource(name, src) != nil {
			return nil
		}
		if l, err := describe("//"+name, src); err == nil {
			list = append(list, l)
		}
		return nil
	})
	return list
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
			return dedent(lit.Value.(string))
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

// dedent takes the indentation that all lines but the first share, and blank
// lines at both ends, out of a docstring.
func dedent(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\t", "    "), "\n")
	least := len(s)
	for _, l := range lines[1:] {
		if rest := strings.TrimLeft(l, " "); rest != "" {
			least = min(least, len(l)-len(rest))
		}
	}
	for i := range lines {
		if i > 0 {
			lines[i] = lines[i][min(least, len(lines[i])):]
		}
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// offset returns the byte at a position, whose column counts characters.
func offset(src []byte, p syntax.Position) int {
	at := 0
	for range p.Line - 1 {
		at += bytes.IndexByte(src[at:], '\n') + 1
	}
	for range p.Col - 1 {
		_, size := utf8.DecodeRune(src[at:])
		at += size
	}
	return at
}
