package lint

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

// missingFileDoc finds files, and functions of libraries, that do not say what
// they are for.
func missingFileDoc(c *checker, f *file) {
	if len(f.tree.Stmts) > 0 && docstring(f.tree.Stmts) == "" && !f.documented() {
		hint := `start it with a text: """What it is for."""`
		if f.Entry {
			hint += `, or give environment(…) a doc`
		}
		c.find(environments.Problem{Position: f.at(f.tree.Stmts[0]), Message: "the file has no doc", Hint: hint})
	}
	if f.Entry || f.tests() {
		return
	}
	for _, s := range f.tree.Stmts {
		d, ok := s.(*syntax.DefStmt)
		if ok && !strings.HasPrefix(d.Name.Name, "_") && docstring(d.Body) == "" {
			c.find(environments.Problem{Position: f.at(d.Name), Message: fmt.Sprintf("function %q has no doc", d.Name.Name),
				Hint: `start its body with a text: """What it does."""`})
		}
	}
}

// tests reports whether a file holds tests: what it defines is for itself.
func (f *file) tests() bool {
	return slices.ContainsFunc(f.tree.Stmts, func(s syntax.Stmt) bool {
		d, ok := s.(*syntax.DefStmt)
		return ok && strings.HasPrefix(d.Name.Name, "test_")
	})
}

// documented reports whether environment(…) has a doc.
func (f *file) documented() bool {
	for _, call := range f.calls {
		if fn, ok := call.Fn.(*syntax.Ident); !ok || fn.Name != "environment" {
			continue
		}
		for _, arg := range call.Args {
			if kw, ok := keyword(arg); ok && kw.X.(*syntax.Ident).Name == "doc" {
				return true
			}
		}
	}
	return false
}

// missingDoc finds what can be named on the command line and has no doc.
func missingDoc(c *checker, e *environments.Environment) {
	const hint = "add doc = …, which list and help show"
	for _, t := range e.Tasks {
		if t.Doc == "" {
			c.declared(t.Declared, "", fmt.Sprintf("task %q has no doc", t.Name), hint)
		}
		for _, o := range t.Args {
			if o.Doc == "" {
				c.declared(t.Declared, "args", fmt.Sprintf("task %q: argument %q has no doc", t.Name, o.Name), "add doc = … to its option, which help shows")
			}
		}
	}
	for _, g := range e.Groups {
		if g.Doc == "" {
			c.declared(g.Declared, "", fmt.Sprintf("group %q has no doc", g.Name), hint)
		}
	}
	for _, p := range e.Params {
		if p.Doc == "" {
			c.declared(p.Declared, "", fmt.Sprintf("param %q has no doc", p.Name), "add doc = …, which list shows")
		}
	}
}
