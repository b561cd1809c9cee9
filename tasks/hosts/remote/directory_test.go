package remote_test

import (
	"testing"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A directory whose owner is set once is not there before it has its owner:
// whatever ends the operation in the middle, the next one makes it.
func TestDirectoryAppearsWithItsOwner(t *testing.T) {
	t.Parallel()
	m := newSandbox(t).dial(t, "root")
	data := hosts.MakeDirectory{Path: hosts.StackDirectory + "/data/tracker", Mode: "2770", Owner: "nosuchuser", Group: "root", Once: true}
	if _, err := m.Apply(t.Context(), []hosts.Operation{data}, nil); err == nil {
		t.Fatal("an owner that does not exist is taken")
	}
	query := hosts.FileQuery{Path: data.Path}
	if f, _ := hosts.Find[*hosts.FileFact](observe(t, m, query), query); f.Type != "" {
		t.Errorf("what is left of it: %+v", *f)
	}
	data.Owner = "4321"
	apply(t, m, data)
	if f, _ := hosts.Find[*hosts.FileFact](observe(t, m, query), query); f.Owner != "4321" || f.Mode != "2770" {
		t.Errorf("it is %+v", *f)
	}
}
