package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A libraryHelp is what help shows of a function of a library.
type libraryHelp struct {
	Name       string   `json:"name"`
	Module     string   `json:"module"` // as load() names it
	Doc        string   `json:"doc,omitempty"`
	Parameters []string `json:"parameters"` // as written
}

// helpLibrary explains the functions of that name that libraries have: those
// of the program and those of the project around the working directory. It
// reports false if there is none.
func (p *program) helpLibrary(name string) (bool, error) {
	var found []libraryHelp
	for _, l := range p.libraries() {
		for _, f := range l.Functions {
			if f.Name == name {
				found = append(found, libraryHelp{f.Name, l.Module, f.Doc, append([]string{}, f.Parameters...)})
			}
		}
	}
	if len(found) == 0 {
		return false, nil
	}
	if p.json {
		return true, writeDocument(p.Out, found)
	}
	for i, h := range found {
		if i > 0 {
			fmt.Fprintln(p.Out)
		}
		h.print(p.Out, p.style(p.Out))
	}
	return true, nil
}

// libraries returns the libraries of the program and of the project. One that
// cannot be read has no functions to explain.
func (p *program) libraries() []eval.Library {
	list, _ := eval.Libraries()
	if root, ok := p.project(); ok {
		list = append(list, eval.ProjectLibraries(root)...)
	}
	return list
}

// libraryNames returns the names of all functions of libraries, each once.
func (p *program) libraryNames() []string {
	var names []string
	for _, l := range p.libraries() {
		for _, f := range l.Functions {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (h libraryHelp) print(w io.Writer, s style) {
	line := h.Name + "(" + strings.Join(h.Parameters, ", ") + ")"
	if len(line) > 100 {
		line = h.Name + "(\n    " + strings.Join(h.Parameters, ",\n    ") + ")"
	}
	fmt.Fprintf(w, "%s\n\n", s.bold(line))
	if h.Doc != "" {
		fmt.Fprintf(w, "%s\n\n", h.Doc)
	}
	fmt.Fprintf(w, "load(%q, %q) brings it\n", h.Module, h.Name)
}
