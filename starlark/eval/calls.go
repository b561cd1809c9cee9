package eval

import (
	"fmt"
	"regexp"

	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// callerRE matches errors that the interpreter places into a function though
// its caller is wrong.
var callerRE = regexp.MustCompile(`^function (\S+) ((?:got|missing|accepts|takes) .*)$`)

var unexpectedRE = regexp.MustCompile(`^got an unexpected keyword argument "(\w+)"`)

// callProblem words a call of a Starlark function with wrong arguments, in the
// words of the built-ins, and shows it at the call.
func (l *loader) callProblem(function, what string, frames []environments.Position) environments.Problem {
	p := environments.Problem{Position: frames[1], Calls: shorten(frames[2:]), Message: function + ": " + what}
	m := unexpectedRE.FindStringSubmatch(what)
	if m == nil {
		return p
	}
	p.Message = fmt.Sprintf("%s: unknown argument %q", function, m[1])
	if near := builtins.Suggest(m[1], l.parameters(frames[0].File, function)); near != "" {
		p.Message += fmt.Sprintf(" (did you mean %q?)", near)
	}
	if kw := l.keyword(p.Position, m[1]); kw != nil {
		p.Position = builtins.Position(syntax.Start(kw))
	}
	return p
}

// keyword returns an argument of the call at a position by its name.
func (l *loader) keyword(at environments.Position, name string) *syntax.BinaryExpr {
	call := l.call(syntax.MakePosition(&at.File, int32(at.Line), int32(at.Column)))
	if call == nil {
		return nil
	}
	for _, arg := range call.Args {
		if kw, ok := arg.(*syntax.BinaryExpr); ok && kw.Op == syntax.EQ && kw.X.(*syntax.Ident).Name == name {
			return kw
		}
	}
	return nil
}

// parameters returns the names of a function's parameters.
func (l *loader) parameters(file, function string) []string {
	var names []string
	tree := l.trees[file]
	if tree == nil {
		return nil
	}
	for _, s := range tree.Stmts {
		d, ok := s.(*syntax.DefStmt)
		if !ok || d.Name.Name != function {
			continue
		}
		for _, p := range d.Params {
			switch p := p.(type) {
			case *syntax.Ident:
				names = append(names, p.Name)
			case *syntax.BinaryExpr:
				names = append(names, p.X.(*syntax.Ident).Name)
			}
		}
	}
	return names
}
