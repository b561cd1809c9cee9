package environments

import (
	"slices"
	"strings"
)

// Asked returns the tasks that targets mean, in the order of declaration: by
// name, by node id, or as members of a group. Other words mean none.
func (e *Environment) Asked(targets []string) []Task {
	nodes := map[string]bool{}
	pending := slices.Clone(targets)
	for len(pending) > 0 {
		word := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		kind, name, ok := strings.Cut(word, ":")
		if !ok {
			pending = append(pending, "task:"+word, "group:"+word)
			continue
		}
		if nodes[word] {
			continue
		}
		nodes[word] = true
		if g, ok := e.Group(name); ok && kind == "group" {
			pending = append(pending, g.Of...)
		}
	}
	var asked []Task
	for _, t := range e.Tasks {
		if nodes["task:"+t.Name] {
			asked = append(asked, t)
		}
	}
	return asked
}

// Bind returns e with the arguments of all tasks in their places: what given
// has for a task by its name, and the defaults. Where there is neither, the
// argument stays open. e itself is not changed.
func (e *Environment) Bind(given map[string]map[string]string) *Environment {
	if !slices.ContainsFunc(e.Tasks, func(t Task) bool { return len(t.Args) > 0 }) {
		return e
	}
	bound := *e
	bound.Tasks = slices.Clone(e.Tasks)
	for i := range bound.Tasks {
		if t := &bound.Tasks[i]; len(t.Args) > 0 {
			t.bind(given[t.Name])
		}
	}
	return &bound
}

func (t *Task) bind(given map[string]string) {
	values := map[string]string{}
	t.Args = slices.Clone(t.Args)
	for i := range t.Args {
		o := &t.Args[i]
		if v, ok := given[o.Name]; ok {
			o.Value = &v
		} else {
			o.Value = o.Default
		}
		if o.Value != nil {
			values[o.Name] = *o.Value
		}
	}
	run := make([][]Value, len(t.Run))
	for i, argv := range t.Run {
		run[i] = make([]Value, len(argv))
		for j, v := range argv {
			run[i][j] = v.bind(values)
		}
	}
	t.Run, t.Env = run, slices.Clone(t.Env)
	for i := range t.Env {
		t.Env[i].Value = t.Env[i].Value.bind(values)
	}
	if t.Stdin != nil {
		stdin := t.Stdin.bind(values)
		t.Stdin = &stdin
	}
}

// bind returns v with literals in the places of arguments.
func (v Value) bind(values map[string]string) Value {
	if v.Kind == Argument {
		if text, ok := values[v.Name]; ok {
			return Text(text)
		}
		return v
	}
	if v.Parts != nil {
		parts := make([]Value, len(v.Parts))
		for i, p := range v.Parts {
			parts[i] = p.bind(values)
		}
		if v.Kind == Concat {
			return Join(parts...)
		}
		v.Parts = parts
	}
	if v.Data != nil {
		data := v.Data.bind(values)
		v.Data = &data
	}
	return v
}

func (d Data) bind(values map[string]string) Data {
	switch {
	case d.Text != nil:
		text := d.Text.bind(values)
		d.Text = &text
	case d.List != nil:
		list := make([]Data, len(*d.List))
		for i, e := range *d.List {
			list[i] = e.bind(values)
		}
		d.List = &list
	case d.Map != nil:
		pairs := make([]Pair, len(*d.Map))
		for i, p := range *d.Map {
			pairs[i] = Pair{p.Key, p.Value.bind(values)}
		}
		d.Map = &pairs
	}
	return d
}
