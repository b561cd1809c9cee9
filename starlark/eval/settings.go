package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// settings reads the parameter file and joins it with the command line.
func (l *loader) settings() error {
	file := strings.TrimSuffix(l.entry, ".star") + ".params.json"
	wrong := func(message string) error {
		return &Error{[]environments.Problem{{Position: environments.Position{File: file}, Message: message}}}
	}
	params := map[string]builtins.Setting{}
	data, err := l.files.read(file, maxRead)
	l.files.note(file, data)
	if err == nil {
		var values map[string]any
		if err := json.Unmarshal(data, &values); err != nil {
			var mismatch *json.UnmarshalTypeError
			if errors.As(err, &mismatch) {
				return wrong("got a JSON " + mismatch.Value + ", want an object with a key for every parameter")
			}
			return wrong("not JSON: " + err.Error())
		}
		for k, v := range values {
			params[k] = builtins.Setting{Value: v, From: file}
		}
	} else if err.Error() != "no such file" {
		return wrong(err.Error())
	}
	for k, v := range l.options.Params {
		params[k] = builtins.Setting{Value: v, From: commandLine}
	}
	l.evaluation.Params = params
	return nil
}

const commandLine = "the command line"

// unknownParams complains about values that no param() takes and, on the
// command line, no argument of a task that is asked for.
func (l *loader) unknownParams() []environments.Problem {
	if len(l.evaluation.Params) == 0 {
		return nil
	}
	e := l.evaluation.Environment
	var params, arguments []string
	for _, p := range e.Params {
		params = append(params, p.Name)
	}
	brokenTask := false
	for _, node := range l.evaluation.Broken() {
		if name, ok := strings.CutPrefix(node, "param:"); ok {
			params = append(params, name)
		}
		brokenTask = brokenTask || strings.HasPrefix(node, "task:")
	}
	for _, t := range e.Asked(l.options.Targets) {
		for _, o := range t.Args {
			if !slices.Contains(arguments, o.Name) {
				arguments = append(arguments, o.Name)
			}
		}
	}
	var problems []environments.Problem
	for name, s := range l.evaluation.Params {
		known := params
		if s.From == commandLine {
			known = append(arguments[:len(arguments):len(arguments)], params...)
		}
		if slices.Contains(known, name) || s.From == commandLine && brokenTask {
			continue
		}
		problems = append(problems, unknownSetting(e, name, s.From, known, len(known) > len(params)))
	}
	slices.SortFunc(problems, func(a, b environments.Problem) int { return strings.Compare(a.Message, b.Message) })
	return problems
}

// unknownSetting words the problem of a value that nothing takes; known are
// the names that would be taken, with those of arguments where there are any.
func unknownSetting(e *environments.Environment, name, from string, known []string, arguments bool) environments.Problem {
	what := "parameter"
	if arguments {
		what = "argument or parameter"
	}
	p := environments.Problem{Position: environments.Position{File: e.File}, Message: fmt.Sprintf("unknown %s %q from %s", what, name, from)}
	if near := builtins.Suggest(name, known); near != "" {
		p.Message += fmt.Sprintf(" (did you mean %q?)", near)
	}
	p.Hint = "the file declares no param()"
	if len(known) > 0 {
		p.Hint = "it takes " + strings.Join(known, ", ")
	}
	for _, t := range e.Tasks {
		if from == commandLine && slices.ContainsFunc(t.Args, func(o environments.Option) bool { return o.Name == name }) {
			p.Hint = fmt.Sprintf("it is an argument of task %q: write the task before the environment", t.Name)
			break
		}
	}
	return p
}
