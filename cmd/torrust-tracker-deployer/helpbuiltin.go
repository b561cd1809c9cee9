package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/starlark/reference"
)

// A builtinHelp is what help shows of a built-in.
type builtinHelp struct {
	Name       string          `json:"name"`
	Doc        string          `json:"doc"`
	Parameters []parameterHelp `json:"parameters"`
	Positional int             `json:"positional"` // leading parameters that need no name
	Returns    string          `json:"returns"`
	Attributes []attributeHelp `json:"attributes"` // of what it returns
	Example    string          `json:"example"`
	Schema     json.RawMessage `json:"schema"` // JSON Schema of the arguments
}

type parameterHelp struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Default  string `json:"default,omitempty"` // as one would write it
	Unit     string `json:"unit,omitempty"`
	Doc      string `json:"doc"`
	Example  string `json:"example"`
}

type attributeHelp struct {
	Name    string `json:"name"` // of a method with its parameters
	Type    string `json:"type"`
	Doc     string `json:"doc"`
	Example string `json:"example"`
}

func describeBuiltin(b builtins.Builtin) (builtinHelp, error) {
	h := builtinHelp{
		Name: b.Name, Doc: b.Doc, Parameters: []parameterHelp{}, Positional: b.Positional(),
		Returns: b.Returns(), Attributes: []attributeHelp{}, Example: strings.TrimSpace(b.Example),
	}
	for _, q := range b.Parameters {
		h.Parameters = append(h.Parameters, parameterHelp{q.Name, q.Type, q.Required, q.Default, q.Unit, q.Doc, q.Example})
	}
	types := builtins.Types()
	if i := slices.IndexFunc(types, func(t builtins.Type) bool { return t.Name == h.Returns }); i >= 0 {
		for _, a := range types[i].Attributes {
			name := a.Name
			if a.Method {
				name = signature(a.Name, a.Parameters)
			}
			h.Attributes = append(h.Attributes, attributeHelp{name, a.Type, a.Doc, a.Example})
		}
	}
	var err error
	h.Schema, err = reference.Schema(b)
	return h, err
}

// helpBuiltin explains a built-in.
func (p *program) helpBuiltin(b builtins.Builtin) error {
	h, err := describeBuiltin(b)
	if err != nil {
		return err
	}
	if p.json {
		return writeDocument(p.Out, h)
	}
	h.print(p.Out, p.style(p.Out), signature(b.Name, b.Parameters))
	return nil
}

// print shows a built-in: how it is called, what it is for, its parameters,
// what it returns, an example.
func (h builtinHelp) print(w io.Writer, s style, call string) {
	fmt.Fprintf(w, "%s\n\n%s\n", s.bold(call), h.Doc)
	if len(h.Parameters) > 0 {
		fmt.Fprintf(w, "\n%s\n", s.bold("parameters"))
	}
	for _, q := range h.Parameters {
		fmt.Fprintf(w, "  %s: %s\n      %s\n      such as %s\n", s.bold(q.Name), q.kind(), q.Doc, q.Example)
	}
	switch h.Positional {
	case 0:
	case 1:
		fmt.Fprintf(w, "  %s may be given without its name\n", h.Parameters[0].Name)
	default:
		fmt.Fprintf(w, "  %s to %s may be given without their names\n", h.Parameters[0].Name, h.Parameters[h.Positional-1].Name)
	}
	if passedOn := h.Returns == h.Name && len(h.Attributes) == 0; !passedOn && h.Returns != "None" && h.Returns != "nothing" {
		fmt.Fprintf(w, "\n%s\n  %s\n", s.bold("returns"), h.Returns)
	}
	for _, a := range h.Attributes {
		fmt.Fprintf(w, "  .%s: %s\n      %s\n      such as %s\n", a.Name, a.Type, a.Doc, a.Example)
	}
	if h.Example != "" {
		fmt.Fprintf(w, "\n%s\n%s", s.bold("example"), indented(h.Example))
	}
}

// kind says what a parameter takes: its type, unit and default.
func (q parameterHelp) kind() string {
	text := q.Type
	if q.Unit != "" {
		text += " (" + q.Unit + ")"
	}
	if q.Required {
		return text + ", required"
	}
	return text + " = " + q.Default
}

// broad is how many characters a signature may have in a line.
const broad = 100

// signature writes a call with the names of its parameters and their defaults,
// in a line each where they do not fit in one.
func signature(name string, list []builtins.Parameter) string {
	var parts []string
	for _, q := range list {
		if q.Required || strings.HasPrefix(q.Name, "*") {
			parts = append(parts, q.Name)
		} else {
			parts = append(parts, q.Name+" = "+q.Default)
		}
	}
	line := name + "(" + strings.Join(parts, ", ") + ")"
	if utf8.RuneCountInString(line) > broad {
		return name + "(\n    " + strings.Join(parts, ",\n    ") + ")"
	}
	return line
}
