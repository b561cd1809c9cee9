package reference_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/reference"
)

var update = flag.Bool("update", false, "rewrite builtins/reference.md")

// file returns a file of a form.
func file(t *testing.T, form, name string) string {
	t.Helper()
	for _, f := range reference.Forms() {
		if f.Name != form {
			continue
		}
		files, err := f.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range files {
			if x.Name == name {
				return string(x.Data)
			}
		}
	}
	t.Fatalf("form %s has no file %s", form, name)
	return ""
}

// The page that the README links to is of this program.
func TestPageIsCurrent(t *testing.T) {
	const path = "../../builtins/reference.md"
	want := file(t, "markdown", "reference.md")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("builtins/reference.md is old; go test ./starlark/reference -update writes it\n%s", udiff.Unified("file", "program", string(got), want))
	}
	for _, b := range builtins.Table() {
		if !strings.Contains(want, "\n## "+b.Name+"()\n") {
			t.Errorf("%s is not on the page", b.Name)
		}
		for _, p := range b.Parameters {
			if !strings.Contains(want, "`"+p.Name+"`") {
				t.Errorf("%s of %s is not on the page", p.Name, b.Name)
			}
		}
	}
}

// Everything that can be called is in the stubs, with its doc.
func TestStubs(t *testing.T) {
	text := file(t, "python", "__init__.py")
	all := file(t, "python", "__builtins__.pyi")
	for _, b := range builtins.Table() {
		in, name := text, b.Name
		if module, member, nested := strings.Cut(b.Name, "."); nested {
			in, name = file(t, "python", module+".py"), member
			if !strings.Contains(all, "\nclass "+module+":\n    \n    @staticmethod\n    def "+member+"(") && !strings.Contains(all, "\nclass "+module+":\n\n    @staticmethod\n    def "+member+"(") {
				t.Errorf("%s is not among the built-ins of pyright", b.Name)
			}
		} else if !strings.Contains(all, "\ndef "+name+"(") {
			t.Errorf("%s is not among the built-ins of pyright", b.Name)
		}
		if strings.Count(in, "\ndef "+name+"(") != 1 || !strings.Contains(in, strings.ReplaceAll(b.Doc, `\`, `\\`)) {
			t.Errorf("%s is not in the stubs once, with its doc", b.Name)
		}
	}
	libraries, err := eval.Libraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range libraries {
		for _, f := range l.Functions {
			if !strings.Contains(text, "\ndef "+f.Name+"(") {
				t.Errorf("%s of %s is not in the stubs", f.Name, l.Module)
			}
		}
	}
	if strings.Count(text, `"""`)%2 != 0 {
		t.Error("a docstring is not closed")
	}
	for _, line := range []string{
		`def publish(port: int, proto: str = "tcp", address: str = "") -> Publish:`,
		`def fmt(pattern: str, *values: Scalar) -> Text:`,
		`def fail(*message: Any, argument: str = "", hint: str = "") -> NoReturn:`,
		`    def url(self, scheme: str = "http", path: str = "", inside: bool = False) -> Text:`,
		`    ipv4: Text`,
		`def firewall(*, name: str, host: Vm, allow: list[Tcp | Udp] | list[Tcp] | list[Udp] = []) -> Firewall:`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the stubs lack %s", line)
		}
	}
}

// The schemas are JSON, know every parameter, and say of each what the table
// says.
func TestSchemas(t *testing.T) {
	for _, b := range builtins.Table() {
		var s struct {
			Title, Description   string
			Properties           map[string]map[string]any
			Required             []string
			AdditionalProperties *bool
		}
		if err := json.Unmarshal([]byte(file(t, "schema", b.Name+".schema.json")), &s); err != nil {
			t.Errorf("%s: %v", b.Name, err)
			continue
		}
		if s.Title != b.Name || s.Description != b.Doc || s.AdditionalProperties == nil || *s.AdditionalProperties || len(s.Properties) != len(b.Parameters) {
			t.Errorf("%s: %+v", b.Name, s)
		}
		for _, p := range b.Parameters {
			name := strings.TrimPrefix(p.Name, "*")
			property := s.Properties[name]
			doc, _ := property["description"].(string)
			unit, _ := property["x-unit"].(string)
			if !strings.HasPrefix(doc, p.Doc) || property["x-example"] != p.Example || unit != p.Unit || slices.Contains(s.Required, name) != p.Required {
				t.Errorf("%s.%s: %v", b.Name, name, property)
			}
			if _, given := property["default"]; given != (!p.Required && p.Name == name) {
				t.Errorf("%s.%s: default %v", b.Name, name, property["default"])
			}
		}
	}
}

// A text of the tables cannot end a cell, a heading or a docstring.
func TestTextsAreKept(t *testing.T) {
	page := file(t, "markdown", "reference.md")
	columns := 0
	for i, line := range strings.Split(page, "\n") {
		switch n := len(regexp.MustCompile(`(^|[^\\])\|`).FindAllString(line, -1)); {
		case !strings.HasPrefix(line, "|"):
			columns = 0
		case columns == 0:
			columns = n
		case n != columns:
			t.Errorf("line %d has %d columns, want %d: %s", i+1, n, columns, line)
		}
	}
}
