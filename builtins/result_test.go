package builtins_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/builtins"
)

var assigned = regexp.MustCompile(`^\w+ = `)

// What built-ins return is what the table of types says, with these
// attributes.
func TestTypes(t *testing.T) {
	root := project(t)
	described := map[string]builtins.Type{}
	for _, x := range builtins.Types() {
		if described[x.Name].Name != "" || !strings.HasSuffix(x.Doc, ".") {
			t.Errorf("%s is there twice or has no doc", x.Name)
		}
		described[x.Name] = x
		for _, a := range x.Attributes {
			if a.Type == "" || a.Example == "" || !strings.HasSuffix(a.Doc, ".") || a.Method != (a.Parameters != nil) {
				t.Errorf("%s.%s lacks something: %+v", x.Name, a.Name, a)
			}
		}
	}
	returned := map[string]bool{}
	look := func(name, before, expression string) {
		returned[name] = true
		got := seen(t, root, before, expression)
		var names []string
		for _, a := range described[name].Attributes {
			names = append(names, a.Name)
		}
		slices.Sort(names)
		if want := name + " " + strings.Join(names, ","); got != want {
			t.Errorf("%s is %q, described as %q", expression, got, want)
		}
	}
	for _, b := range builtins.Table() {
		if b.Name == "shell" { // whose example is the task around it
			look("shell", "", `shell("true")`)
		} else if _, ok := described[b.Returns()]; ok {
			before, call := last(b)
			look(b.Returns(), before, assigned.ReplaceAllString(call, ""))
		} else if b.Returns() == b.Name {
			t.Errorf("it is not said what %s returns", b.Name)
		}
	}
	look("endpoint", "", `compose_service(name = "e", host = web, image = "a:1", healthcheck = healthcheck(["true"])).endpoint(80)`)
	for name := range described {
		if !returned[name] {
			t.Errorf("nothing returns %s", name)
		}
	}
}

// last takes the call itself off the end of an example.
func last(b builtins.Builtin) (before, call string) {
	i := strings.LastIndex("\n"+b.Example, "\n"+b.Name+"(")
	if i < 0 {
		return "", b.Example
	}
	return b.Example[:i], b.Example[i:]
}

// seen returns the type of a value and the names of its attributes.
func seen(t *testing.T, root, before, expression string) string {
	t.Helper()
	e, err := load(t, root, scaffold+`environment(id = "test-1")`+"\n"+before+"\nx = "+expression+`
config_file(name = "seen", host = web, path = "/seen", content = type(x) + " " + ",".join(dir(x)))
`)
	if err != nil {
		t.Errorf("%v\n%s", err, expression)
		return ""
	}
	for _, f := range e.Files {
		if f.Name == "seen" {
			return f.Content.Text
		}
	}
	return ""
}
