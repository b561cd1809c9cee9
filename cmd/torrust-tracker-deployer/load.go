package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A loaded environment, and where it came from.
type loaded struct {
	place
	env       *environments.Environment
	arguments map[string]string // of the tasks that are asked for
}

// load finds and evaluates the environment that w names. The names before it
// may be tasks of the user's, whose arguments KEY=VALUE sets beside the
// parameters of the file.
func (p *program) load(ctx context.Context, w words) (loaded, error) {
	l := loaded{arguments: map[string]string{}}
	var err error
	if l.place, err = p.find(w.env); err != nil {
		return l, err
	}
	params := w.settings
	if len(w.names) > 0 && len(params) > 0 {
		// Which keys are arguments only the file knows.
		if env, err := p.evaluate(ctx, l.place, nil); err == nil {
			params, l.arguments = split(env, w)
		}
	}
	if l.env, err = p.evaluate(ctx, l.place, params); err != nil {
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

func (p *program) evaluate(ctx context.Context, l place, params map[string]string) (*environments.Environment, error) {
	return eval.Load(ctx, eval.Options{
		Root: l.root, File: l.file, Params: params, Base: p.Rehearsal.base(),
		Print: func(line string) { p.note("%s", line) },
	})
}

// split takes the arguments of the tasks that w names out of its settings.
func split(env *environments.Environment, w words) (params, arguments map[string]string) {
	params, arguments = maps.Clone(w.settings), map[string]string{}
	for _, t := range env.Tasks {
		if !slices.Contains(w.names, t.Name) {
			continue
		}
		for _, o := range t.Args {
			if v, ok := w.settings[o.Name]; ok {
				arguments[o.Name] = v
				delete(params, o.Name)
			} else if o.Default != nil {
				arguments[o.Name] = *o.Default
			}
		}
	}
	return params, arguments
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
