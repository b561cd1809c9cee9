package deploy

import (
	"cmp"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// file adds a config_file().
func (b *builder) file(f environments.File) {
	n := &tasks.Node{ID: "file:" + f.Name, Stage: tasks.StageRelease, Host: f.Host, Position: f.Position}
	b.add(n, b.base(f.Host))
	if f.Content != nil {
		n.Resource = files{list: []content{contentOf(f)}}
		refs(n, *f.Content)
		return
	}
	r := sourced{file: f, path: b.sourcePath(*f.Source), read: b.options.ReadFile}
	if maker := b.makerOf(r.path); f.Source.Task != "" || maker != "" {
		r.maker = "task:" + cmp.Or(f.Source.Task, maker)
		n.Edges = append(n.Edges, tasks.Edge{To: r.maker, Field: "source", Position: f.Position})
	}
	n.Resource = r
}

func contentOf(f environments.File) content {
	return content{
		Path: f.Path, Text: textOf(*f.Content), Secret: f.Content.Secret(),
		Mode: f.Mode, Owner: f.Owner, Group: f.Group,
	}
}

// sourcePath returns the project file that an input means: a task's first
// output where it names a task.
func (b *builder) sourcePath(in environments.Input) string {
	for _, t := range b.env.Tasks {
		if t.Name == in.Task && len(t.Outputs) > 0 {
			return t.Outputs[0]
		}
	}
	return in.Path
}

// sourced is a file whose bytes are a file of the project, read when they are
// needed: a task may make it in the same run.
type sourced struct {
	file  environments.File
	path  string
	maker string // node of the task that makes it, "" = none
	read  func(path string) ([]byte, error)
}

func (r sourced) files() (files, error) {
	data, err := r.read(r.path)
	if err != nil {
		return files{}, err
	}
	f := r.file
	text := environments.Text(string(data))
	f.Content = &text
	return files{list: []content{contentOf(f)}}, nil
}

// Queries asks for the file.
func (r sourced) Queries(s *tasks.Scope) ([]hosts.Query, error) {
	f, err := r.known(s)
	if err != nil {
		return nil, err
	}
	return f.Queries(s)
}

// Diff compares the bytes as they are now.
func (r sourced) Diff(s *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	f, err := r.known(s)
	if err != nil {
		return tasks.Change{}, err
	}
	return f.Diff(s, facts)
}

// known returns the file unless a task still has to make it.
func (r sourced) known(s *tasks.Scope) (files, error) {
	if r.maker != "" {
		if _, ok := s.Outputs(r.maker, tasks.Made); !ok {
			return files{}, &tasks.Unknown{What: r.path, When: "after " + r.maker}
		}
	}
	return r.files()
}
