package lint

import (
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// unusedLoad finds names that a file loads and never mentions again.
func unusedLoad(c *checker, f *file) {
	used := uses(f.tree)
	for _, s := range f.tree.Stmts {
		load, ok := s.(*syntax.LoadStmt)
		if !ok {
			continue
		}
		for _, to := range load.To {
			if !used[to.Name] {
				c.find(environments.Problem{Position: f.at(to), Message: fmt.Sprintf("%q is loaded and never used", to.Name), Hint: "leave it out of the load"})
			}
		}
	}
}

// uses returns the names that the expressions of a file mention: not those of
// attributes, keywords and parameters, nor what a load brings.
func uses(tree *syntax.File) map[string]bool {
	used := map[string]bool{}
	var visit func(n syntax.Node) bool
	visit = func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.LoadStmt:
			return false
		case *syntax.Ident:
			used[n.Name] = true
		case *syntax.DotExpr:
			syntax.Walk(n.X, visit)
			return false
		case *syntax.BinaryExpr:
			if _, ok := keyword(n); ok {
				syntax.Walk(n.Y, visit)
				return false
			}
		}
		return true
	}
	syntax.Walk(tree, visit)
	return used
}

// shadowedBuiltin finds variables and functions that are called like a
// built-in.
func shadowedBuiltin(c *checker, f *file) {
	known := builtins.Predeclared()
	syntax.Walk(f.tree, func(n syntax.Node) bool {
		for _, id := range binds(n) {
			_, ours := known[id.Name]
			_, starlarks := starlark.Universe[id.Name]
			if ours || starlarks {
				c.find(environments.Problem{Position: f.at(id), Message: fmt.Sprintf("%q is a built-in, which this name hides", id.Name), Hint: "choose another name"})
			}
		}
		return true
	})
}

// binds returns the names that a node gives a value, but for parameters, whose
// names are for the caller.
func binds(n syntax.Node) []*syntax.Ident {
	switch n := n.(type) {
	case *syntax.AssignStmt:
		if n.Op == syntax.EQ {
			return idents(n.LHS)
		}
	case *syntax.DefStmt:
		return []*syntax.Ident{n.Name}
	case *syntax.LoadStmt:
		return n.To
	case *syntax.ForStmt:
		return idents(n.Vars)
	case *syntax.ForClause:
		return idents(n.Vars)
	}
	return nil
}

func idents(x syntax.Expr) []*syntax.Ident {
	switch x := x.(type) {
	case *syntax.Ident:
		return []*syntax.Ident{x}
	case *syntax.ParenExpr:
		return idents(x.X)
	case *syntax.TupleExpr:
		return allIdents(x.List)
	case *syntax.ListExpr:
		return allIdents(x.List)
	}
	return nil
}

func allIdents(list []syntax.Expr) []*syntax.Ident {
	var all []*syntax.Ident
	for _, x := range list {
		all = append(all, idents(x)...)
	}
	return all
}

// unknownRule finds comments that silence a rule that does not exist.
func unknownRule(c *checker, f *file) {
	var codes []string
	for _, r := range Rules() {
		codes = append(codes, r.Code)
	}
	for _, i := range f.unknown {
		p := environments.Problem{Position: i.at, Message: fmt.Sprintf("there is no rule %q to ignore", i.code)}
		if s := builtins.Suggest(i.code, codes); s != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", s)
		}
		c.find(p)
	}
}
