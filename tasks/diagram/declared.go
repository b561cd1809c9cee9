package diagram

import (
	"slices"

	"github.com/torrust/tracker-deployer/environments"
)

// A pair is a node and one that it needs.
type pair struct{ from, to string }

// fields are the names of the fields that make edges.
type fields map[pair]string

// declared returns the fields that a file itself names. A graph knows of many
// edges only that both ends are about one host.
func declared(env *environments.Environment) fields {
	f := fields{}
	for _, s := range env.Services {
		for _, name := range s.DependsOn {
			f[pair{"service:" + s.Name, "service:" + name}] = "depends_on"
		}
		for _, m := range s.Files {
			if m.File != "" {
				f[pair{"service:" + s.Name, "file:" + m.File}] = "files"
			}
		}
		f[pair{"service:" + s.Name, "image:" + s.Name}] = "image"
		f[pair{"service:" + s.Name, "config:" + s.Name}] = "files"
	}
	for _, file := range env.Files {
		if file.Source != nil && file.Source.Task != "" {
			f[pair{"file:" + file.Name, "task:" + file.Source.Task}] = "source"
		}
	}
	for _, t := range env.Tasks {
		for _, in := range t.Inputs {
			if in.Task != "" && !slices.Contains(t.After, "task:"+in.Task) {
				f[pair{"task:" + t.Name, "task:" + in.Task}] = "inputs"
			}
		}
	}
	return f
}
