package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	starlarkmath "go.starlark.net/lib/math"
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

const pythonHead = `"""What an environment file can call. Generated: torrust-tracker-deployer stubs"""

from __future__ import annotations
`

// pythonBase is what stands for deferred values and for what Starlark has and
// Python has not.
const pythonBase = `
class Deferred:
    """Text that is known only later, or is secret. It can be joined by + and fmt(), encoded, and handed on."""

    old: "Deferred"
    """Of a secret: the value that goes while it is being rotated, else the secret itself."""
    new: "Deferred"
    """Of a secret: the value that comes while it is being rotated, else the secret itself."""

    def __add__(self, other: Union[str, "Deferred"]) -> "Deferred": ...
    def __radd__(self, other: str) -> "Deferred": ...

Text = Union[str, Deferred]
Scalar = Union[str, int, float, bool, Deferred]
`

const pythonRest = `
DEBIAN_13: str
"""The URL of a build of Debian 13's own cloud image, whose checksum is known: qemu(image = DEBIAN_13)."""

def load(module: str, *names: str, **renamed: str) -> None:
    """Brings names that another file defines: "@torrust//NAME.star", "//lib/NAME.star" or "./NAME.star"."""
    ...

def struct(**fields: Any) -> Any:
    """A value with these attributes."""
    ...
`

// Python returns typed stubs of everything that a file can name, as a
// directory: __init__.py and a file for each module, which starlark-lsp reads,
// and __builtins__.pyi, which pyright reads in its stubPath.
func Python() ([]File, error) {
	libraries, err := eval.Libraries()
	if err != nil {
		return nil, err
	}
	var p python
	modules := map[string]*python{"math": {}}
	modules["math"].math()
	p.WriteString(pythonBase)
	for _, t := range builtins.Types() {
		p.class(t)
	}
	for _, b := range builtins.Table() {
		module, member, nested := strings.Cut(b.Name, ".")
		if !nested {
			p.builtin(b.Name, b)
			continue
		}
		if modules[module] == nil {
			modules[module] = &python{}
		}
		modules[module].builtin(member, b)
	}
	p.WriteString(pythonRest)
	for _, l := range libraries {
		for _, f := range l.Functions {
			p.function(l, f)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.files(modules)
}

// files returns the modules as files of their own, and as classes of the one
// file that pyright reads.
func (p *python) files(modules map[string]*python) ([]File, error) {
	all := p.String()
	files := []File{{"__init__.py", withImports(all)}}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		m := modules[name]
		if m.err != nil {
			return nil, m.err
		}
		text := m.String()
		all += "\nclass " + name + ":\n" + members(text)
		if strings.Contains(text, "Text") {
			text = pythonBase + text
		}
		files = append(files, File{name + ".py", withImports(text)})
	}
	return append(files, File{"__builtins__.pyi", withImports(all)}), nil
}

// withImports puts a head before stubs, which imports what they name.
func withImports(text string) []byte {
	var names []string
	for _, n := range []string{"Any", "Mapping", "NoReturn", "Union"} {
		if strings.Contains(text, n) {
			names = append(names, n)
		}
	}
	head := pythonHead
	if len(names) > 0 {
		head += "\nfrom typing import " + strings.Join(names, ", ") + "\n"
	}
	return []byte(head + text)
}

// members turns functions into static methods.
func members(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "def ") {
			b.WriteString("    @staticmethod\n")
		}
		if strings.TrimSpace(line) != "" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// A python writes stubs. Its error is the first that occurred.
type python struct {
	strings.Builder
	err error
}

// typed returns a type of the tables in Python.
func (p *python) typed(words string) string {
	k, err := lookUp(words)
	if p.err == nil {
		p.err = err
	}
	return k.python
}

func (p *python) class(t builtins.Type) {
	fmt.Fprintf(p, "\nclass %s:\n%s", class(t.Name), docstring("    ", t.Doc))
	if len(t.Attributes) == 0 {
		p.WriteString("    ...\n")
	}
	for _, a := range t.Attributes {
		if a.Method {
			fmt.Fprintf(p, "\n    def %s(self, %s) -> %s:\n%s        ...\n", a.Name, p.parameters(a.Parameters, len(a.Parameters)),
				p.typed(a.Type), docstring("        ", a.Doc+arguments(a.Parameters)+example(a.Example)))
			continue
		}
		fmt.Fprintf(p, "    %s: %s\n%s", a.Name, p.typed(a.Type), docstring("    ", a.Doc))
	}
}

func (p *python) builtin(name string, b builtins.Builtin) {
	fmt.Fprintf(p, "\ndef %s(%s) -> %s:\n%s    ...\n", name, p.parameters(b.Parameters, b.Positional()), p.typed(b.Returns()),
		docstring("    ", b.Doc+arguments(b.Parameters)+example(b.Example)))
}

// parameters writes a signature in which the first parameters may be given by
// position.
func (p *python) parameters(list []builtins.Parameter, positional int) string {
	var first, last []string
	star := "*"
	for i, q := range list {
		switch typed := p.typed(q.Type); {
		case rest(q):
			star = q.Name + ": " + strings.TrimSuffix(strings.TrimPrefix(typed, "list["), "]")
		case i < positional:
			first = append(first, written(q, typed))
		default:
			last = append(last, written(q, typed))
		}
	}
	if len(last) > 0 || star != "*" {
		first = append(first, star)
	}
	return strings.Join(append(first, last...), ", ")
}

func written(q builtins.Parameter, typed string) string {
	if q.Required {
		return q.Name + ": " + typed
	}
	return q.Name + ": " + typed + " = " + q.Default
}

// arguments describes parameters in the way of Google's docstrings.
func arguments(list []builtins.Parameter) string {
	if len(list) == 0 {
		return ""
	}
	text := "\n\nArgs:"
	for _, q := range list {
		text += "\n    " + strings.TrimPrefix(q.Name, "*") + ": " + described(q) + " Such as " + q.Example
	}
	return text
}

// described returns the doc of a parameter with its unit.
func described(q builtins.Parameter) string {
	if q.Unit == "" {
		return q.Doc
	}
	return q.Doc + " In " + q.Unit + "."
}

func example(text string) string {
	return "\n\nExample:\n    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}

// docstring writes a text as Python's, indented.
func docstring(indent, text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"""`, `'''`)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) == 1 && !strings.HasSuffix(text, `"`) {
		return indent + `"""` + lines[0] + `"""` + "\n"
	}
	var b strings.Builder
	b.WriteString(indent + `"""`)
	for i, l := range lines {
		if i > 0 && strings.TrimSpace(l) != "" {
			b.WriteString(indent)
		}
		b.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	b.WriteString(indent + `"""` + "\n")
	return b.String()
}

// function writes a function of the standard library. Its types are those of
// its defaults, as far as those say it.
func (p *python) function(l library, f eval.Function) {
	var list []string
	for _, q := range f.Parameters {
		name, preset, given := strings.Cut(q, " = ")
		switch {
		case !given && strings.HasPrefix(name, "*"):
			list = append(list, name)
		case !given:
			list = append(list, name+": Any")
		case preset == "True" || preset == "False":
			list = append(list, name+": bool = "+preset)
		default:
			list = append(list, name+": Any = "+preset)
		}
	}
	doc := fmt.Sprintf("%s\n\nload(%q, %q) brings it.", strings.TrimSpace(unindented(f.Doc)), l.Module, f.Name)
	fmt.Fprintf(p, "\ndef %s(%s) -> Any:\n%s    ...\n", f.Name, strings.Join(list, ", "), docstring("    ", doc))
}

// unindented takes the indentation of a function's body out of its docstring.
func unindented(doc string) string {
	lines := strings.Split(doc, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "    ")
	}
	return strings.Join(lines, "\n")
}

// math writes the module math, whose functions take and return numbers.
func (p *python) math() {
	for _, name := range starlarkmath.Module.Members.Keys() {
		if _, function := starlarkmath.Module.Members[name].(*starlark.Builtin); function {
			fmt.Fprintf(p, "\ndef %s(*x: float) -> float:\n%s    ...\n", name, docstring("    ", "As Python's math."+name+"."))
		} else {
			fmt.Fprintf(p, "\n%s: float\n", name)
		}
	}
}
