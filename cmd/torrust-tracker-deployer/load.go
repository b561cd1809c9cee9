package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A loaded environment, and where it came from.
type loaded struct {
	place
	env *environments.Environment // with the arguments of tasks in their places
}

// load finds and evaluates the environment that w names. The names before it
// may be tasks of the user's, whose arguments KEY=VALUE sets beside the
// parameters of the file.
func (p *program) load(ctx context.Context, w words) (loaded, error) {
	var l loaded
	var err error
	if l.place, err = p.find(w.env); err != nil {
		return l, err
	}
	if l.env, err = p.evaluate(ctx, l.place, w.names, w.settings); err != nil {
		return l, err
	}
	params, arguments := split(l.env, w)
	if slices.ContainsFunc(l.env.Params, func(q environments.Param) bool { return has(w.settings, q.Name) && !has(params, q.Name) }) {
		// The file has a parameter of the same name: the argument is not for it.
		if l.env, err = p.evaluate(ctx, l.place, w.names, params); err != nil {
			return l, err
		}
	}
	if l.env, err = bind(l.env, arguments); err != nil {
		return l, err
	}
	p.warn(l.env.Warnings)
	if p.verbose > 2 {
		for _, r := range l.env.Reads {
			p.note("read %s", r.Path)
		}
	}
	return l, nil
}

func has(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}

func (p *program) evaluate(ctx context.Context, l place, targets []string, params map[string]string) (*environments.Environment, error) {
	return eval.Load(ctx, eval.Options{
		Root: l.root, File: l.file, Targets: targets, Params: params, Base: p.Rehearsal.base(), Read: p.read, Parsed: p.parsed,
		Print: func(line string) { p.printed = true; p.note("%s", line) },
	})
}

// warn prints what the file warns of.
func (p *program) warn(warnings []environments.Problem) {
	if p.quiet {
		return
	}
	style := p.style(p.Err)
	for _, w := range warnings {
		fmt.Fprintf(p.Err, "%s %s\n", style.yellow("warning:"), w.Error())
	}
}
