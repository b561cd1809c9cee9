package builtins

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

// A call is one call of a built-in while its arguments are checked. It is used
// again for the next call: nothing may keep it.
type call struct {
	*Evaluation
	thread  *starlark.Thread
	builtin *Builtin
	args    starlark.Tuple   // as given
	kwargs  []starlark.Tuple // as given
	at      syntax.Position  // of the caller's frame
	pos     environments.Position
	calls   []environments.Position
	given   []starlark.Value
	values  []any
	bad     bool
	stop    error // ends the evaluation

	misplaced bool // whether arguments were given by position that may not be
}

// begin returns a call with nothing given yet. An environment may be a hundred
// thousand calls, so that what the last one has allocated is taken again.
func (e *Evaluation) begin(thread *starlark.Thread, b *Builtin) *call {
	c, n := e.spare, len(b.Parameters)
	if e.spare = nil; c == nil {
		c = &call{}
	}
	clear(c.given)
	clear(c.values)
	*c = call{
		Evaluation: e, thread: thread, builtin: b,
		given: slices.Grow(c.given[:0], n)[:n], values: slices.Grow(c.values[:0], n)[:n],
	}
	return c
}

// function returns b as a Starlark function.
func (b *Builtin) function() *starlark.Builtin {
	name := b.Name[strings.LastIndexByte(b.Name, '.')+1:]
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return b.run(thread, args, kwargs)
	})
}

func (b *Builtin) run(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := evaluationOf(thread).begin(thread, b)
	if thread.CallStackDepth() > 1 {
		c.at = thread.CallFrame(1).Pos
	}
	c.pos, c.calls = where(thread)
	if b.kind != "" && c.Loading() {
		c.problem("", "a loaded file may not declare anything while it is being loaded", "put the call into a function and call that from the environment file")
	}
	c.args, c.kwargs = args, kwargs
	c.assign(args, kwargs)
	c.claimName()
	c.convert()
	var v starlark.Value = Invalid{}
	if !c.bad {
		if made := b.make(c); !c.bad {
			v = made
		}
	}
	if c.bad && b.kind != "" {
		if name, ok := c.text("name"); ok {
			c.broken = append(c.broken, b.kind+":"+name)
		}
	}
	err := c.stop
	c.spare = c
	return v, err
}

// assign puts arguments into their places and records those that have none.
func (c *call) assign(args starlark.Tuple, kwargs []starlark.Tuple) {
	b := c.builtin
	if n := len(b.Parameters); n > 0 && b.Parameters[n-1].rest() {
		if len(args) > b.positional {
			c.given[n-1] = args[b.positional:]
			args = args[:b.positional]
		}
	} else if len(args) > b.positional {
		message, hint := fmt.Sprintf("got %d arguments by position, takes at most %d", len(args), b.positional), ""
		if b.positional == 0 {
			message, hint = "arguments are given by name only", fmt.Sprintf("write %s = …", b.Parameters[0].Name)
		}
		c.misplaced = true
		c.problem("", message, hint)
		args = args[:b.positional]
	}
	copy(c.given, args)
	for _, kw := range kwargs {
		name := string(kw[0].(starlark.String))
		i := b.index(name)
		switch {
		case i < 0 && slices.Contains(b.later, name):
			c.problem(name, fmt.Sprintf("argument %q is not part of this version", name), "")
		case i < 0:
			c.problem(name, fmt.Sprintf("unknown argument %q%s", name, meant(name, b.names())), "torrust-tracker-deployer help "+b.Name+" lists the arguments")
		case c.given[i] != nil:
			c.problem(name, fmt.Sprintf("argument %q is given twice", name), "")
		default:
			c.given[i] = kw[1]
		}
	}
}

// subject is what messages are about: the built-in and the name it is given,
// `vm "web"`.
func (c *call) subject() string {
	if len(c.args) > 0 && c.builtin.positional > 0 && c.builtin.Parameters[0].Name == "name" {
		return c.called(c.args[0])
	}
	for _, kw := range c.kwargs {
		if kw[0] == starlark.String("name") {
			return c.called(kw[1])
		}
	}
	return c.builtin.Name
}

// called is the subject where name is the name that is given, if it is one.
func (c *call) called(name starlark.Value) string {
	if s, ok := name.(starlark.String); ok && len(s) <= 100 {
		return fmt.Sprintf("%s %q", c.builtin.Name, string(s))
	}
	return c.builtin.Name
}

// claimName takes the name of a resource.
func (c *call) claimName() {
	s, ok := c.text("name")
	if !ok || c.builtin.kind == "" {
		return
	}
	node := c.builtin.kind + ":" + s
	if first, taken := c.declared[node]; taken {
		c.problem("name", "the name is taken", fmt.Sprintf("it was declared first at %s", first))
		return
	}
	c.claim(node)
}

// convert turns every argument into its Go value.
func (c *call) convert() {
	var missing []string
	for i := range c.builtin.Parameters {
		p := &c.builtin.Parameters[i]
		v := c.given[i]
		if v == nil && p.preset == nil {
			missing = append(missing, fmt.Sprintf("%q", strings.TrimPrefix(p.Name, "*")))
			continue
		}
		if v == nil && p.ready != nil {
			c.values[i] = p.ready
			continue
		}
		from := v
		if from == nil {
			from = p.preset
		}
		value, err := p.to.convert(from)
		if err == nil {
			c.values[i] = value
			if v == nil {
				p.ready = value
			}
			continue
		}
		c.bad = true
		var m *misfit
		if errors.Is(err, errInvalid) {
			continue
		} else if errors.As(err, &m) {
			c.place(p.Name, m)
		} else {
			c.problem(p.Name, p.Name+": "+err.Error(), "")
		}
	}
	if len(missing) > 0 && !c.misplaced {
		s := ""
		if len(missing) > 1 {
			s = "s"
		}
		c.problem("", "missing argument"+s+" "+strings.Join(missing, ", "), "")
	}
}

// problem records a fact about the call; argument names the argument that is
// wrong, "" for the whole call.
func (c *call) problem(argument, message, hint string) {
	c.record(argument, nil, message, hint)
}

// place records a misfit, at the element that is wrong.
func (c *call) place(argument string, m *misfit) {
	c.record(argument, m.path, strings.TrimPrefix(argument, "*")+m.where()+": "+m.message, m.hint)
}

func (c *call) record(argument string, path []step, message, hint string) {
	c.bad = true
	c.problems = append(c.problems, environments.Problem{
		Position: c.position(argument, path), Calls: c.calls,
		Message: c.subject() + ": " + message, Hint: hint,
	})
}

// position finds the expression of an argument in the syntax tree. A call
// that the standard library made is shown where the user called the library.
func (c *call) position(argument string, path []step) environments.Position {
	if argument == "" || c.Call == nil || Position(c.at) != c.pos {
		return c.pos
	}
	e := c.Call(c.at)
	if e == nil {
		return c.pos
	}
	x := c.argument(e, argument)
	if x == nil {
		return c.pos
	}
	for _, s := range path {
		x = s.into(x)
	}
	return Position(syntax.Start(x))
}

// argument returns the expression that argument was given as: the name of an
// unknown one, the value of others.
func (c *call) argument(e *syntax.CallExpr, argument string) syntax.Expr {
	known := c.builtin.index(argument)
	for i, arg := range e.Args {
		if kw, ok := arg.(*syntax.BinaryExpr); ok && kw.Op == syntax.EQ {
			if id := kw.X.(*syntax.Ident); id.Name == argument {
				if known < 0 {
					return id
				}
				return kw.Y
			}
		} else if u, ok := arg.(*syntax.UnaryExpr); ok && (u.Op == syntax.STAR || u.Op == syntax.STARSTAR) {
			continue
		} else if i == known {
			return arg
		}
	}
	return nil
}

// text returns an argument that is a string, as it was given.
func (c *call) text(name string) (string, bool) {
	i := c.builtin.index(name)
	if i < 0 {
		return "", false
	}
	s, ok := c.given[i].(starlark.String)
	return string(s), ok
}

// isGiven reports whether the argument was written.
func (c *call) isGiven(name string) bool { return c.given[c.builtin.index(name)] != nil }

// get returns a converted argument; the zero value when it was None.
func get[T any](c *call, name string) T {
	v, _ := c.values[c.builtin.index(name)].(T)
	return v
}

// declare returns what every resource has.
func (c *call) declare() environments.Declared {
	return environments.Declared{Name: get[string](c, "name"), Position: c.pos, Calls: c.calls}
}
