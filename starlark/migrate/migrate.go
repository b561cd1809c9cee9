// Package migrate turns an environment file of torrust-tracker-deployer 0.1.0,
// which is JSON, into one of this program that declares the same system.
//
// A file passes through these steps, each in a file of its own here:
//
//	parse     JSON with the position of everything, duplicates refused (json.go)
//	read      keys, types and ranges, as 0.1.0 has them (object.go, config.go)
//	check     what has to go together (check.go, sockets.go)
//	write     Starlark with comments, secrets by name only (write.go)
//
// Everything that is wrong is reported at once, at its place in the JSON. That
// includes what 0.1.0 accepted although it could not work, with the reason:
// a mistake that is carried over is a mistake twice. Keys that 0.1.0 did not
// know are errors, too, since it ignored them and did something else than was
// meant. Keys that mean nothing here are warnings and comments in the file.
//
// Values of secrets are in no message and not in the source lines that
// messages show.
package migrate

import (
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/layout"
)

// MaxFile is the size in bytes of the largest file that is read.
const MaxFile = 1 << 20

// A System is what a file of 0.1.0 declares.
type System struct {
	file   *file
	config *config
}

// Options say what the result is called.
type Options struct {
	Name string // of the environment
	ID   string // of the environment
}

// A Result is an environment file and what goes with it.
type Result struct {
	Source  []byte   // formatted Starlark
	Secrets []Secret // what the age file is to hold, in the order of the file
}

// A Secret is a value that is declared by its name.
type Secret struct {
	Name  string
	Value string

	from *value
}

// Read returns the system that data declares; name is what messages call the
// file. What is wrong with it is an *eval.Error.
func Read(name string, data []byte) (*System, error) {
	f := &file{name: name, data: data}
	root, err := f.parse()
	if err != nil {
		return nil, err
	}
	c := f.read(root)
	if len(f.problems) == 0 {
		f.check(c)
	}
	if len(f.problems) > 0 {
		return nil, f.failure()
	}
	f.explain(f.warnings)
	return &System{f, c}, nil
}

// Name returns the name that the environment had.
func (s *System) Name() string { return s.config.name.string }

// Warnings returns what is left out and why, in the order of the file.
func (s *System) Warnings() []environments.Problem {
	slices.SortStableFunc(s.file.warnings, func(a, b environments.Problem) int { return a.Position.Compare(b.Position) })
	return s.file.warnings
}

// Starlark returns the system as an environment file.
func (s *System) Starlark(o Options) (*Result, error) {
	w := &writer{config: s.config, options: o, from: s.file.name}
	source, err := layout.Format("environments/"+o.Name+".star", w.file())
	if err != nil {
		return nil, err
	}
	return &Result{Source: source, Secrets: w.secrets}, nil
}

// Refused returns what libraries, which know their software, demand of the
// secrets of r and do not get, as an *eval.Error; env is what r declares. It is
// nil when all is well.
func (s *System) Refused(r *Result, env *environments.Environment) error {
	values := map[string]Secret{}
	for _, x := range r.Secrets {
		values[x.Name] = x
	}
	for _, d := range env.Demands {
		names := d.Secrets()
		if slices.ContainsFunc(names, func(n string) bool { return values[n].from == nil }) {
			continue // one of them is not made yet
		}
		text, err := d.Value.Render(func(leaf environments.Value) (string, error) { return values[leaf.Name].Value, nil })
		if err == nil && !d.Met(text) {
			s.file.problem(values[names[0]].from, "", "cannot be used: "+d.Reason, "write another one here; where the system runs, change it there first")
		}
	}
	if len(s.file.problems) == 0 {
		return nil
	}
	return s.file.failure()
}

// failure returns the problems of f as an error.
func (f *file) failure() error {
	slices.SortStableFunc(f.problems, func(a, b environments.Problem) int { return a.Position.Compare(b.Position) })
	f.explain(f.problems)
	return &eval.Error{Problems: f.problems}
}

// explain adds source lines, without any text that could be a secret.
func (f *file) explain(problems []environments.Problem) {
	if f.root == nil {
		return // nobody knows what is a secret where it is no JSON
	}
	eval.AddSource(problems, map[string][]byte{f.name: f.masked()})
}
