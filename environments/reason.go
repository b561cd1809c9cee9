package environments

import (
	"slices"
	"strings"
)

// reason returns the field by which a node needs another one, "" when no field
// of it leads there.
func (c *checker) reason(from, to string) string {
	kind, name, _ := strings.Cut(from, ":")
	own := func(d Declared) bool { return d.Name == name }
	var fields []field
	switch kind {
	case "service":
		if i := slices.IndexFunc(c.e.Services, func(s Service) bool { return own(s.Declared) }); i >= 0 {
			fields = serviceFields(c.e.Services[i])
		}
	case "file":
		if i := slices.IndexFunc(c.e.Files, func(f File) bool { return own(f.Declared) }); i >= 0 {
			fields = fileFields(c.e.Files[i])
		}
	case "task":
		if i := slices.IndexFunc(c.e.Tasks, func(t Task) bool { return own(t.Declared) }); i >= 0 {
			fields = taskFields(c.e.Tasks[i])
		}
	case "group":
		if i := slices.IndexFunc(c.e.Groups, func(g Group) bool { return own(g.Declared) }); i >= 0 {
			fields = []field{{"of", c.e.Groups[i].Of}}
		}
	}
	for _, f := range fields {
		if slices.Contains(f.needs, to) {
			return f.name
		}
	}
	return ""
}

// A field is an argument of a declaration with the nodes that it names.
type field struct {
	name  string
	needs []string
}

func serviceFields(s Service) []field {
	depends, files := make([]string, len(s.DependsOn)), []string{}
	for i, name := range s.DependsOn {
		depends[i] = "service:" + name
	}
	for _, m := range s.Files {
		if m.File != "" {
			files = append(files, "file:"+m.File)
		}
		files = appendRefs(files, m.Content)
	}
	list := []field{
		{"depends_on", depends}, {"files", files}, {"environment", refsOf(values(s.Environment))},
		{"command", refsOf(s.Command)}, {"sysctls", refsOf(values(s.Sysctls))},
	}
	if s.Extra != nil {
		list = append(list, field{"extra", refsOf([]Value{{Kind: Encode, Data: s.Extra}})})
	}
	return list
}

func fileFields(f File) []field {
	list := []field{{"content", appendRefs(nil, f.Content)}}
	if f.Source != nil && f.Source.Task != "" {
		list = append(list, field{"source", []string{"task:" + f.Source.Task}})
	}
	return list
}

func taskFields(t Task) []field {
	var inputs []string
	for _, in := range t.Inputs {
		if in.Task != "" {
			inputs = append(inputs, "task:"+in.Task)
		}
	}
	return []field{{"after", t.After}, {"inputs", inputs}, {"run", refsOf(slices.Concat(t.Run...))}, {"env", refsOf(values(t.Env))},
		{"stdin", appendRefs(nil, t.Stdin)}}
}

// refsOf returns the nodes that values refer to.
func refsOf(list []Value) []string {
	var nodes []string
	for i := range list {
		nodes = appendRefs(nodes, &list[i])
	}
	return nodes
}
