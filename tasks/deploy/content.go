package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A content is a file as it is to be on a machine: the part that every kind
// which writes files shares.
type content struct {
	Path   string
	Text   func(*tasks.Scope, environments.Lookup) (string, error)
	Secret bool // the text holds secrets
	Pinned bool // a running container is bound to its inode, which has to stay
	Mode   string
	Owner  string
	Group  string
}

// literal returns a file that is the same everywhere, owned by root.
func literal(path, text string) content {
	return content{
		Path: path, Text: textOf(environments.Text(text)), Mode: "0644", Owner: "root", Group: "root",
	}
}

// textOf returns the text of a value.
func textOf(v environments.Value) func(*tasks.Scope, environments.Lookup) (string, error) {
	return func(_ *tasks.Scope, lookup environments.Lookup) (string, error) { return v.Render(lookup) }
}

// query asks for the file; while its text is not known, for what is there.
func (c content) query(s *tasks.Scope) (hosts.Query, error) {
	text, err := c.Text(s, s.Lookup)
	switch {
	case isUnknown(err) && c.Secret:
		return nil, err
	case isUnknown(err):
		return hosts.FileQuery{Path: c.Path}, nil
	case err != nil:
		return nil, err
	case c.Secret:
		return hosts.FileQuery{Path: c.Path, Secret: []byte(text)}, nil
	}
	return hosts.FileQuery{Path: c.Path, Digest: digestOf([]byte(text))}, nil
}

// diff compares the file with facts. It returns nothing to write, and nil,
// when it is as wanted.
func (c content) diff(s *tasks.Scope, facts hosts.Facts) (*tasks.FileChange, []hosts.Operation, error) {
	text, err := c.Text(s, s.Lookup)
	if err != nil {
		return nil, nil, err
	}
	f, ok := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: c.Path})
	if !ok {
		f = &hosts.FileFact{}
	}
	if f.Type == "file" && f.Same && f.Mode == c.Mode && f.Belongs(c.Owner, c.Group) {
		return nil, nil, nil
	}
	if f.Type == "directory" {
		return nil, nil, fmt.Errorf("%s is a directory on the machine", c.Path)
	}
	change := &tasks.FileChange{Path: c.Path}
	if !f.Same {
		change.Diff, err = c.masked(s, f)
		if err != nil {
			return nil, nil, err
		}
	}
	write := hosts.WriteFile{
		Path: c.Path, Content: []byte(text), Mode: c.Mode, Owner: c.Owner, Group: c.Group, InPlace: c.Pinned,
	}
	if ok {
		write.Replaces = &f.Version
	}
	return change, []hosts.Operation{write}, nil
}

// masked returns the difference as people may see it.
func (c content) masked(s *tasks.Scope, f *hosts.FileFact) (string, error) {
	wanted, err := c.Text(s, marked(s))
	if err != nil {
		return "", err
	}
	old := string(f.Content)
	if !utf8.ValidString(wanted) || !utf8.Valid(f.Content) || bytes.IndexByte(f.Content, 0) >= 0 {
		return fmt.Sprintf("binary file, %d bytes, becomes %d bytes\n", f.Size, len(wanted)), nil
	}
	if c.Secret || private(f.Mode) {
		old = unmark(maskLines(old, wanted, c.Secret))
	}
	wanted = unmark(wanted)
	from := c.Path
	if f.Type == "" {
		from = "/dev/null"
	}
	if diff := udiff.Unified(from, c.Path, old, wanted); diff != "" || f.Type == "" {
		return diff, nil
	}
	return "(nothing but secrets differs)\n", nil
}

// rights is how mode and owner differ. An empty file that is not there yet, on
// a machine that may not be there either, has none before.
func (c content) rights(facts hosts.Facts) tasks.FieldChange {
	change := tasks.FieldChange{Name: c.Path, New: fmt.Sprintf("%s %s:%s", c.Mode, c.Owner, c.Group)}
	if f, ok := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: c.Path}); ok && f.Type != "" {
		change.Old = fmt.Sprintf("%s %s:%s", f.Mode, f.Owner, f.Group)
	}
	return change
}

func isUnknown(err error) bool {
	_, ok := errors.AsType[*tasks.Unknown](err)
	return ok
}

// files is a resource that is nothing but files, and what follows when one of
// them changes.
type files struct {
	list   []content
	after  []hosts.Operation // carried out when a file changed
	reason string
}

// Queries asks for every file.
func (r files) Queries(s *tasks.Scope) ([]hosts.Query, error) {
	var queries []hosts.Query
	for _, c := range r.list {
		q, err := c.query(s)
		if err != nil {
			return nil, err
		}
		queries = append(queries, q)
	}
	return queries, nil
}

// Diff writes the files that differ.
func (r files) Diff(s *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	change := tasks.Change{Act: tasks.ActNone, Owned: &hosts.Owned{}}
	there := false
	for _, c := range r.list {
		change.Owned.Paths = append(change.Owned.Paths, c.Path)
		f, ops, err := c.diff(s, facts)
		if err != nil {
			return change, err
		}
		if fact, ok := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: c.Path}); ok && fact.Type != "" {
			there = true
		}
		if f != nil {
			if f.Diff == "" {
				change.Fields = append(change.Fields, c.rights(facts))
			}
			change.Files = append(change.Files, *f)
			change.Operations = append(change.Operations, ops...)
		}
	}
	if len(change.Files) == 0 {
		return change, nil
	}
	change.Act, change.Reason = tasks.ActCreate, r.reason
	if there {
		change.Act = tasks.ActUpdate
	}
	change.Operations = append(change.Operations, r.after...)
	return change, nil
}
