package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// split takes the arguments of the tasks that w asks for out of its settings.
// What is left is for the parameters of the file.
func split(env *environments.Environment, w words) (params map[string]string, arguments map[string]map[string]string) {
	params, arguments = maps.Clone(w.settings), map[string]map[string]string{}
	if len(w.settings) == 0 {
		return params, arguments
	}
	for _, t := range env.Asked(w.names) {
		for _, o := range t.Args {
			v, ok := w.settings[o.Name]
			if !ok {
				continue
			}
			if arguments[t.Name] == nil {
				arguments[t.Name] = map[string]string{}
			}
			arguments[t.Name][o.Name] = v
			delete(params, o.Name)
		}
	}
	return params, arguments
}

// bind puts the arguments into env, each as its type has it.
func bind(env *environments.Environment, arguments map[string]map[string]string) (*environments.Environment, error) {
	var errs []error
	for _, t := range env.Tasks {
		given := arguments[t.Name]
		for _, o := range t.Args {
			text, ok := given[o.Name]
			if !ok {
				continue
			}
			v, err := argument(t, o, text)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			given[o.Name] = v
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return env.Bind(arguments), nil
}

// argument returns the value of a task's argument that text means.
func argument(t environments.Task, o environments.Option, text string) (string, error) {
	v, ok := o.Parse(text)
	if !ok {
		err := usage("argument %q of task %q: %q is not of type %s", o.Name, t.Name, text, o.Type)
		if o.Type == "bool" {
			return "", err.hint("true or false")
		}
		return "", err
	}
	if len(o.Choices) == 0 || slices.Contains(o.Choices, v) {
		return v, nil
	}
	near := ""
	if s := builtins.Suggest(v, o.Choices); s != "" {
		near = fmt.Sprintf(" (did you mean %q?)", s)
	}
	return "", usage("argument %q of task %q: %q is none of its choices%s", o.Name, t.Name, text, near).
		hint("one of %s", strings.Join(o.Choices, ", "))
}

// complete refuses a selection with a task that lacks an argument.
func (d *deployment) complete(s tasks.Selection) error {
	var errs []error
	for _, t := range d.env.Tasks {
		if !s.Nodes["task:"+t.Name] {
			continue
		}
		var missing, written []string
		for _, o := range t.Args {
			if o.Value == nil {
				missing, written = append(missing, fmt.Sprintf("%q", o.Name)), append(written, option(o))
			}
		}
		if len(missing) == 0 {
			continue
		}
		noun := "argument"
		if len(missing) > 1 {
			noun = "arguments"
		}
		targets := s.Targets
		if !slices.ContainsFunc(d.env.Asked(targets), func(a environments.Task) bool { return a.Name == t.Name }) {
			targets = append(slices.Clone(targets), t.Name)
		}
		line := append(append([]string{programName}, targets...), d.env.Name)
		errs = append(errs, usage("task %q needs the %s %s", t.Name, noun, joined(missing)).
			hint("%s", strings.Join(append(line, written...), " ")))
	}
	return errors.Join(errs...)
}
