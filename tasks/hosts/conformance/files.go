package conformance

import (
	"bytes"
	"errors"
	"testing"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// hard names and contents: what breaks quoting, framing and parsing.
func hardNames() []string {
	return []string{
		"plain.txt", "with space.txt", " leading and trailing ", "new\nline", "per%cent%s%%", "ünï→cödé",
		".hidden", "-dash", "--", "quote'quote\"quote", "back\\slash\\n", "$(touch x)`touch y`$HOME", "*?[a-z]", "a\tb", "#hash;&|<>",
	}
}

func hardContents() map[string][]byte {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return map[string][]byte{
		"empty":            {},
		"one newline":      []byte("\n"),
		"no last newline":  []byte("a\nb"),
		"many newlines":    []byte("\n\n\na\n\n\n"),
		"every byte":       every,
		"nul":              {0, 0, 0},
		"shell":            []byte("'\"$(id)`id`\\\n%s%n\nEOF\n"),
		"300 KB":           bytes.Repeat([]byte("0123456789abcde\n"), 300*64),
		"a frame of zeros": bytes.Repeat([]byte("0000000000 00000000000000000000000000000000\n"), 3),
	}
}

func files(t *testing.T, s *suite) {
	t.Run("names", func(t *testing.T) { names(t, s) })
	t.Run("contents", func(t *testing.T) { contents(t, s) })
	t.Run("many in one batch", func(t *testing.T) { many(t, s) })
	t.Run("mode and owner", func(t *testing.T) { modes(t, s) })
	t.Run("replaces", func(t *testing.T) { replaces(t, s) })
	t.Run("in place", func(t *testing.T) { inPlace(t, s) })
	t.Run("remove", func(t *testing.T) { removes(t, s) })
}

func names(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	for _, name := range hardNames() {
		file := dir + "/" + name
		changes(t, m, hosts.WriteFile{Path: file, Content: []byte("content of " + name), Mode: "0644"})
		holds(t, m, file, []byte("content of "+name))
	}
	// All at once, so that answers cannot be mixed up.
	var queries []hosts.Query
	for _, name := range hardNames() {
		queries = append(queries, hosts.FileQuery{Path: dir + "/" + name, Digest: "0"}, hosts.FileQuery{Path: dir + "/not there/" + name})
	}
	facts, err := m.Observe(background(), queries)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range hardNames() {
		f, _ := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: dir + "/" + name})
		equal(t, "content of "+name, string(f.Content), "content of "+name)
		missing, _ := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: dir + "/not there/" + name})
		equal(t, "a missing file", *missing, hosts.FileFact{})
	}
}

func contents(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	for name, content := range hardContents() {
		file := dir + "/deep/er/" + name
		changes(t, m, hosts.WriteFile{Path: file, Content: content, Mode: "0640"})
		holds(t, m, file, content)
	}
	parent := at(t, m, dir+"/deep/er")
	equal(t, "a missing parent", [4]string{parent.Type, parent.Mode, parent.Owner, parent.Group},
		[4]string{"directory", "0755", "root", "root"})
}

func many(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	var operations []hosts.Operation
	var queries []hosts.Query
	for name, content := range hardContents() {
		operations = append(operations, hosts.WriteFile{Path: dir + "/" + name, Content: content, Mode: "0600"},
			hosts.MakeDirectory{Path: dir + "/d " + name, Mode: "0755"})
		queries = append(queries, hosts.FileQuery{Path: dir + "/" + name, Digest: sum(content)}, hosts.FileQuery{Path: dir + "/d " + name})
	}
	for i, r := range must(t, m, operations...) {
		if !r.Changed {
			t.Errorf("%s: changed nothing", operations[i].Step())
		}
	}
	facts, err := m.Observe(background(), append(queries, hosts.SystemQuery{}, hosts.ManifestQuery{}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "number of facts", len(facts), len(queries)+2)
	for name := range hardContents() {
		f, _ := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: dir + "/" + name})
		d, _ := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: dir + "/d " + name})
		if !f.Same || d.Type != "directory" {
			t.Errorf("%q: same %v, its directory is %q", name, f.Same, d.Type)
		}
	}
}

func modes(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	write := hosts.WriteFile{Path: dir + "/f", Content: []byte("x"), Mode: "0600", Owner: "root", Group: "root"}
	changes(t, m, write)
	write.Mode = "0440"
	changes(t, m, write)
	equal(t, "mode", at(t, m, dir+"/f").Mode, "0440")
	if s.options.Accounts {
		write.Owner, write.Group = "nobody", "nogroup"
		changes(t, m, write)
		f := at(t, m, dir+"/f")
		equal(t, "owner", f.Owner+":"+f.Group, "nobody:nogroup")
		write.Owner = "nobody-of-that-name"
		if _, err := m.Apply(background(), []hosts.Operation{write}, nil); err == nil {
			t.Error("an unknown owner is no error")
		}
	}
	write.Owner, write.Group = "4321", "4322"
	changes(t, m, write)
	f := at(t, m, dir+"/f")
	equal(t, "owner by number", f.Owner+":"+f.Group, "4321:4322")
	equal(t, "mode after a change of owner", f.Mode, "0440")
}

func replaces(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	none, file := "", dir+"/f"
	write := func(content string, replaces *string) error {
		_, err := m.Apply(background(), []hosts.Operation{hosts.WriteFile{Path: file, Content: []byte(content), Mode: "0644", Replaces: replaces}}, nil)
		return err
	}
	steps := []struct {
		what     string
		content  string
		replaces func() *string
		want     error
	}{
		{"a version where there is no file", "a", func() *string { v := "s:00"; return &v }, hosts.ErrChanged},
		{"no file where there is none", "a", func() *string { return &none }, nil},
		{"no file where there is one", "b", func() *string { return &none }, hosts.ErrChanged},
		{"no file where there are the same bytes", "a", func() *string { return &none }, nil},
		{"the version seen", "b", func() *string { v := at(t, m, file).Version; return &v }, nil},
		{"whatever is there", "c", func() *string { return nil }, nil},
	}
	for _, step := range steps {
		err := write(step.content, step.replaces())
		if !errors.Is(err, step.want) || (step.want == nil && err != nil) {
			t.Errorf("replacing %s: %v, want %v", step.what, err, step.want)
		}
	}
	old := at(t, m, file).Version
	must(t, m, hosts.WriteFile{Path: file, Content: []byte("edited by hand"), Mode: "0644"})
	if err := write("d", &old); !errors.Is(err, hosts.ErrChanged) {
		t.Errorf("replacing a file that was edited: %v, want %v", err, hosts.ErrChanged)
	}
	holds(t, m, file, []byte("edited by hand"))
}

func inPlace(t *testing.T, s *suite) {
	m := s.open(t)
	file := s.directory(t, m) + "/f"
	changes(t, m, hosts.WriteFile{Path: file, Content: []byte("first, and longer"), Mode: "0644", InPlace: true})
	changes(t, m, hosts.WriteFile{Path: file, Content: []byte("second"), Mode: "0600", InPlace: true})
	holds(t, m, file, []byte("second"))
	equal(t, "mode", at(t, m, file).Mode, "0600")
}

func removes(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	for _, name := range hardNames() {
		must(t, m, hosts.WriteFile{Path: dir + "/tree/" + name + "/f", Content: []byte("x"), Mode: "0644"},
			hosts.WriteFile{Path: dir + "/" + name, Content: []byte("x"), Mode: "0644"})
		changes(t, m, hosts.Remove{Path: dir + "/" + name})
		equal(t, "type of a removed file", at(t, m, dir+"/"+name).Type, "")
	}
	changes(t, m, hosts.Remove{Path: dir + "/tree"})
	equal(t, "type of a removed directory", at(t, m, dir+"/tree").Type, "")
	equal(t, "type of what is beside it", at(t, m, dir).Type, "directory")
	if _, err := m.Apply(background(), []hosts.Operation{hosts.Remove{Path: "/"}}, nil); err == nil {
		t.Error("/ can be removed")
	}
}

func directories(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	changes(t, m, hosts.MakeDirectory{Path: dir + "/a b/c", Mode: "0750", Owner: "4321", Group: "4322"})
	f := at(t, m, dir+"/a b/c")
	equal(t, "directory", [4]string{f.Type, f.Mode, f.Owner, f.Group}, [4]string{"directory", "0750", "4321", "4322"})
	equal(t, "its parent's mode", at(t, m, dir+"/a b").Mode, "0755")
	changes(t, m, hosts.MakeDirectory{Path: dir + "/a b/c", Mode: "0700", Owner: "root", Group: "root"})
	once := must(t, m, hosts.MakeDirectory{Path: dir + "/a b/c", Mode: "0755", Owner: "4321", Group: "root", Once: true})
	equal(t, "changed by Once", once[0].Changed, false)
	equal(t, "mode after Once", at(t, m, dir+"/a b/c").Mode, "0700")
	must(t, m, hosts.WriteFile{Path: dir + "/file", Content: nil, Mode: "0644"})
	if _, err := m.Apply(background(), []hosts.Operation{hosts.MakeDirectory{Path: dir + "/file", Mode: "0755"}}, nil); err == nil {
		t.Error("a file became a directory")
	}
	if _, err := m.Apply(background(), []hosts.Operation{hosts.WriteFile{Path: dir + "/a b", Mode: "0644"}}, nil); err == nil {
		t.Error("a directory became a file")
	}
}

func moves(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	from, to := dir+"/data/o ld", dir+"/new/-data"
	must(t, m, hosts.MakeDirectory{Path: from, Mode: "2770", Owner: "4321", Group: "4322"},
		hosts.WriteFile{Path: from + "/in/file", Content: []byte("kept"), Mode: "0640", Owner: "4321", Group: "4322"})
	changes(t, m, hosts.Move{From: from, To: to})
	f := at(t, m, to)
	equal(t, "what was moved", [4]string{f.Type, f.Mode, f.Owner, f.Group}, [4]string{"directory", "2770", "4321", "4322"})
	holds := func(name, content string) {
		t.Helper()
		f := ask[*hosts.FileFact](t, m, hosts.FileQuery{Path: name, Digest: sum([]byte(content))})
		equal(t, name, [2]any{f.Type, f.Same}, [2]any{"file", true})
	}
	holds(to+"/in/file", "kept")
	f = at(t, m, to+"/in/file")
	equal(t, "what is in it", [3]string{f.Mode, f.Owner, f.Group}, [3]string{"0640", "4321", "4322"})
	equal(t, "where it was", at(t, m, from).Type, "")
	equal(t, "what is beside it", at(t, m, dir+"/data").Type, "directory")

	must(t, m, hosts.MakeDirectory{Path: from, Mode: "0755"})
	changes(t, m, hosts.Move{From: to, To: from}) // an empty directory gives way
	holds(from+"/in/file", "kept")
	must(t, m, hosts.WriteFile{Path: to + "/other", Content: []byte("x"), Mode: "0644"}, hosts.WriteFile{Path: dir + "/file", Mode: "0644"})
	for _, taken := range []string{to, dir + "/file"} {
		if _, err := m.Apply(background(), []hosts.Operation{hosts.Move{From: from, To: taken}}, nil); err == nil {
			t.Errorf("something was moved onto %s, which was there", taken)
		}
	}
	holds(from+"/in/file", "kept")
	holds(to+"/other", "x")
	changes(t, m, hosts.Move{From: dir + "/file", To: dir + "/renamed"})
	equal(t, "a file that was moved", at(t, m, dir+"/renamed").Type, "file")
}

func secrets(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	for name, content := range hardContents() {
		file := dir + "/" + name
		query := hosts.FileQuery{Path: file, Secret: content}
		equal(t, "a missing file", *ask[*hosts.FileFact](t, m, query), hosts.FileFact{})
		none := ""
		changes(t, m, hosts.WriteFile{Path: file, Content: content, Mode: "0600", Replaces: &none})
		f := ask[*hosts.FileFact](t, m, query)
		if !f.Same || f.Digest != "" || f.Content != nil || f.Version == "" {
			t.Errorf("%s: same %v, digest %q, version %q, %d bytes sent", name, f.Same, f.Digest, f.Version, len(f.Content))
		}
		if bytes.Contains([]byte(f.Version), []byte(sum(content))) {
			t.Errorf("%s: the version has the plain digest in it", name)
		}
		other := ask[*hosts.FileFact](t, m, hosts.FileQuery{Path: file, Secret: append([]byte("x"), content...)})
		if other.Same || other.Digest != "" || string(other.Content) != string(content[:min(len(content), 256<<10)]) {
			t.Errorf("%s against other bytes: same %v, digest %q, %d bytes sent", name, other.Same, other.Digest, len(other.Content))
		}
		must(t, m, hosts.WriteFile{Path: file, Content: []byte("new"), Mode: "0600", Replaces: &f.Version})
		stale := hosts.WriteFile{Path: file, Content: []byte("newer"), Mode: "0600", Replaces: &f.Version}
		if _, err := m.Apply(background(), []hosts.Operation{stale}, nil); !errors.Is(err, hosts.ErrChanged) {
			t.Errorf("%s: replacing a secret that changed: %v, want %v", name, err, hosts.ErrChanged)
		}
	}
}
