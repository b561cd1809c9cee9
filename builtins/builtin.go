// Package builtins is what an environment file can call.
//
// Every built-in is one file with one [Builtin]: its parameters as a table and
// a function that turns checked arguments into a part of the Environment. The
// table drives everything else: unpacking, the suggestions for misspelt names,
// `help NAME`, and the test that every parameter reaches the Environment.
//
// A wrong argument does not stop the evaluation. It is recorded in the
// [Evaluation], and the call returns an invalid handle that may be passed on
// without further complaint, so that one run shows all that is wrong. Only
// Starlark's own errors and fail() stop.
//
// What is known only later or is secret is a [Deferred]. It can be joined and
// encoded; whatever would have to look at it is an error at that line.
// [Predeclared] therefore also replaces the built-ins of Starlark that would
// silently turn one into text, and adds the guards that package eval puts in
// the place of operators.
package builtins

import (
	"go.starlark.net/starlark"
)

// A Builtin describes one function of the language.
type Builtin struct {
	Name       string // as it is called, "toml.encode" for one in a module
	Doc        string // one or two sentences
	Example    string // a call that is complete in itself
	Parameters []Parameter

	kind       string   // node kind of a resource, "" for a value
	positional int      // how many leading parameters may be given by position; the rest go to the one with *
	later      []string // parameters that a later version brings
	make       func(*call) starlark.Value
}

// A Parameter is a row of a built-in's table. A name that starts with * takes
// all remaining arguments.
type Parameter struct {
	Name     string
	Type     string // "string", "list of string", "vm", …
	Default  string // as one would write it; "" when Required
	Required bool
	Unit     string // "" for a thing without one
	Doc      string
	Example  string

	to     converter
	preset starlark.Value // nil = required
	ready  any            // preset as converted before, nil = not yet
}

// Table returns every built-in, resources first, then values, with Type,
// Default and Required of each parameter set.
func Table() []Builtin {
	table := []Builtin{
		environment(), vm(), composeService(), configFile(), firewall(), probe(), task(), group(), rotation(), tls(), backup(),
		qemu(), bridge(), existing(), hetzner(), simulated(),
		tcp(), udp(), publish(), mount(), volume(), healthcheck(), registryLogin(), letsencrypt(), acme(), dataset(),
		secret(), checkedValue(), format(), encoder("toml"), encoder("yaml"), encoder("json"), urlquote(), templateFile(),
		arg(), option(), shell(), label(), renamed(),
		param(), glob(), readConfig(), warn(), fail(),
	}
	for i := range table {
		for j := range table[i].Parameters {
			table[i].Parameters[j].describe()
		}
	}
	return table
}

func (p *Parameter) describe() {
	p.Type = p.to.name
	p.Required = p.preset == nil
	if !p.Required {
		p.Default = p.preset.String()
	}
}

// rest reports whether p takes all remaining arguments.
func (p *Parameter) rest() bool { return p.Name[0] == '*' }

// index returns the place of the parameter called name, or -1.
func (b *Builtin) index(name string) int {
	for i := range b.Parameters {
		if b.Parameters[i].Name == name {
			return i
		}
	}
	return -1
}

// names returns the names of all parameters.
func (b *Builtin) names() []string {
	names := make([]string, len(b.Parameters))
	for i := range b.Parameters {
		names[i] = b.Parameters[i].Name
	}
	return names
}
