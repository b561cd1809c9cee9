package eval

import (
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
)

// A rewriter puts guarded calls in the place of what would silently misuse a
// deferred value, and notes where calls are. Positions stay those of the
// source; that of a call becomes the name that is called rather than the
// parenthesis. Depth is bounded by checkSource.
type rewriter struct {
	calls []*syntax.CallExpr
}

func (r *rewriter) stmts(list []syntax.Stmt) {
	for _, s := range list {
		r.stmt(s)
	}
}

func (r *rewriter) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		r.assign(s)
	case *syntax.DefStmt:
		r.exprs(s.Params)
		r.stmts(s.Body)
	case *syntax.ExprStmt:
		s.X = r.expr(s.X)
	case *syntax.ForStmt:
		s.X = r.expr(s.X)
		s.Vars = r.expr(s.Vars)
		r.stmts(s.Body)
	case *syntax.WhileStmt:
		s.Cond = r.condition(s.Cond)
		r.stmts(s.Body)
	case *syntax.IfStmt:
		for {
			s.Cond = r.condition(s.Cond)
			r.stmts(s.True)
			next, chain := elif(s)
			if !chain {
				break
			}
			s = next
		}
		r.stmts(s.False)
	case *syntax.ReturnStmt:
		if s.Result != nil {
			s.Result = r.expr(s.Result)
		}
	}
}

// elif returns the branch after s.
func elif(s *syntax.IfStmt) (*syntax.IfStmt, bool) {
	if len(s.False) != 1 {
		return nil, false
	}
	next, ok := s.False[0].(*syntax.IfStmt)
	return next, ok
}

func (r *rewriter) assign(s *syntax.AssignStmt) {
	s.LHS, s.RHS = r.expr(s.LHS), r.expr(s.RHS)
	switch s.Op {
	case syntax.PERCENT_EQ:
		s.RHS = guard(builtins.GuardFormat, s.OpPos, s.RHS)
	case syntax.PLUS_EQ:
		if !small(s.RHS) {
			s.RHS = guard(builtins.GuardAppend, s.OpPos, s.RHS)
		}
	case syntax.STAR_EQ:
		if id, ok := s.LHS.(*syntax.Ident); ok {
			x := &syntax.Ident{NamePos: id.NamePos, Name: id.Name}
			s.Op, s.RHS = syntax.EQ, guard(builtins.GuardTimes, s.OpPos, x, s.RHS)
		}
	}
}

// small reports whether an expression is a number or a text of the source.
func small(x syntax.Expr) bool {
	_, literal := x.(*syntax.Literal)
	return literal
}

func (r *rewriter) exprs(list []syntax.Expr) {
	for i, x := range list {
		list[i] = r.expr(x)
	}
}

func (r *rewriter) optional(x syntax.Expr) syntax.Expr {
	if x == nil {
		return nil
	}
	return r.expr(x)
}

func (r *rewriter) expr(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.BinaryExpr:
		return r.binary(x)
	case *syntax.CallExpr:
		return r.call(x)
	case *syntax.Comprehension:
		r.comprehension(x)
	case *syntax.CondExpr:
		x.Cond = r.condition(x.Cond)
		x.True, x.False = r.expr(x.True), r.expr(x.False)
	case *syntax.DictEntry:
		x.Key, x.Value = r.expr(x.Key), r.expr(x.Value)
	case *syntax.DictExpr:
		r.exprs(x.List)
	case *syntax.DotExpr:
		x.X = r.expr(x.X)
		if builtins.Guarded[x.Name.Name] {
			return guard(builtins.GuardMethod, x.Dot, x)
		}
	case *syntax.IndexExpr:
		x.X, x.Y = r.expr(x.X), r.expr(x.Y)
	case *syntax.LambdaExpr:
		r.exprs(x.Params)
		x.Body = r.expr(x.Body)
	case *syntax.ListExpr:
		r.exprs(x.List)
	case *syntax.ParenExpr:
		x.X = r.expr(x.X)
	case *syntax.SliceExpr:
		x.X, x.Lo, x.Hi, x.Step = r.expr(x.X), r.optional(x.Lo), r.optional(x.Hi), r.optional(x.Step)
	case *syntax.TupleExpr:
		r.exprs(x.List)
	case *syntax.UnaryExpr:
		x.X = r.optional(x.X)
		if x.Op == syntax.NOT {
			x.X = truth(x.X)
		}
	}
	return x
}

var guardOf = map[syntax.Token]string{
	syntax.EQL: builtins.GuardEqual, syntax.NEQ: builtins.GuardUnequal,
	syntax.IN: builtins.GuardIn, syntax.NOT_IN: builtins.GuardNotIn,
	syntax.STAR: builtins.GuardTimes,
}

func (r *rewriter) binary(x *syntax.BinaryExpr) syntax.Expr {
	if x.Op == syntax.EQ { // name = value, in a call or a def
		x.Y = r.expr(x.Y)
		return x
	}
	x.X, x.Y = r.expr(x.X), r.expr(x.Y)
	switch x.Op {
	case syntax.PERCENT:
		return guard(builtins.GuardPercent, x.OpPos, x.X, x.Y)
	case syntax.AND, syntax.OR:
		x.X = truth(x.X)
		return x
	case syntax.PLUS:
		if small(x.X) || small(x.Y) {
			return x
		}
		return guard(builtins.GuardPlus, x.OpPos, x.X, x.Y)
	}
	if name, ok := guardOf[x.Op]; ok {
		return guard(name, x.OpPos, x.X, x.Y)
	}
	return x
}

func (r *rewriter) call(x *syntax.CallExpr) syntax.Expr {
	x.Fn = r.expr(x.Fn)
	for i, arg := range x.Args {
		if u, ok := arg.(*syntax.UnaryExpr); ok && u.Op == syntax.STAR {
			u.X = guard(builtins.GuardSpread, u.OpPos, r.expr(u.X))
		} else {
			x.Args[i] = r.expr(arg)
		}
	}
	x.Lparen = calledAt(x.Fn, x.Lparen)
	r.calls = append(r.calls, x)
	return x
}

// calledAt returns the place of the name that is called.
func calledAt(fn syntax.Expr, paren syntax.Position) syntax.Position {
	switch fn := fn.(type) {
	case *syntax.Ident:
		return fn.NamePos
	case *syntax.DotExpr:
		if _, ok := fn.X.(*syntax.Ident); ok {
			return syntax.Start(fn.X)
		}
		return fn.Name.NamePos
	case *syntax.CallExpr: // a guarded method
		if len(fn.Args) == 1 {
			if dot, ok := fn.Args[0].(*syntax.DotExpr); ok && fn.Lparen == dot.Dot {
				return dot.Name.NamePos
			}
		}
	}
	return paren
}

func (r *rewriter) comprehension(x *syntax.Comprehension) {
	x.Body = r.expr(x.Body)
	for _, c := range x.Clauses {
		switch c := c.(type) {
		case *syntax.ForClause:
			c.Vars, c.X = r.expr(c.Vars), r.expr(c.X)
		case *syntax.IfClause:
			c.Cond = r.condition(c.Cond)
		}
	}
}

func (r *rewriter) condition(x syntax.Expr) syntax.Expr { return truth(r.expr(x)) }

// answers are the guards whose result is a bool.
var answers = map[string]bool{
	builtins.GuardEqual: true, builtins.GuardUnequal: true, builtins.GuardIn: true, builtins.GuardNotIn: true,
}

// truth guards what is asked for its truth, unless it cannot be deferred.
func truth(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.Literal, *syntax.ListExpr, *syntax.DictExpr, *syntax.TupleExpr, *syntax.Comprehension:
		return x
	case *syntax.UnaryExpr:
		if x.Op == syntax.NOT {
			return x
		}
	case *syntax.BinaryExpr:
		switch x.Op {
		case syntax.LT, syntax.GT, syntax.LE, syntax.GE:
			return x
		}
	case *syntax.Ident:
		if x.Name == "True" || x.Name == "False" || x.Name == "None" {
			return x
		}
	case *syntax.CallExpr:
		if id, ok := x.Fn.(*syntax.Ident); ok && answers[id.Name] {
			return x
		}
	}
	return guard(builtins.GuardTruth, syntax.Start(x), x)
}

// guard returns a call of a guard that is shown at the position of the
// operator and starts where its first operand does.
func guard(name string, at syntax.Position, args ...syntax.Expr) syntax.Expr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: syntax.Start(args[0]), Name: name}, Lparen: at, Args: args, Rparen: syntax.End(args[len(args)-1])}
}
