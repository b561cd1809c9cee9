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
		n.Resource = files{list: []content{b.contentOf(f, *f.Content)}}
		refs(n, *f.Content)
		return
	}
	r := b.sourced(f)
	if r.maker != "" {
		n.Edges = append(n.Edges, tasks.Edge{To: r.maker, Field: "source", Position: f.Position})
	}
	n.Resource = r
}

// sourced returns the resource of a file with a source.
func (b *builder) sourced(f environments.File) sourced {
	r := sourced{builder: b, file: f, path: b.sourcePath(*f.Source)}
	if maker := b.makerOf(r.path); f.Source.Task != "" || maker != "" {
		r.maker = "task:" + cmp.Or(f.Source.Task, maker)
	}
	return r
}

// contentOf returns the file f with the text v.
func (b *builder) contentOf(f environments.File, v environments.Value) content {
	return content{
		Path: f.Path, Text: textOf(v), Secret: v.Secret(),
		Mode: f.Mode, Owner: f.Owner, Group: f.Group, Pinned: b.reloadsWith(f.Name),
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
	builder *builder
	file    environments.File
	path    string
	maker   string // node of the task that makes it, "" = none
}

// bytes returns the content unless a task still has to make it.
func (r sourced) bytes(s *tasks.Scope) ([]byte, error) {
	if r.maker != "" {
		if _, ok := s.Outputs(r.maker, tasks.Made); !ok {
			return nil, &tasks.Unknown{What: r.path, When: "after " + r.maker}
		}
	}
	return r.builder.options.ReadFile(r.path)
}

func (r sourced) known(s *tasks.Scope) (files, error) {
	data, err := r.bytes(s)
	if err != nil {
		return files{}, err
	}
	return files{list: []content{r.builder.contentOf(r.file, environments.Text(string(data)))}}, nil
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
