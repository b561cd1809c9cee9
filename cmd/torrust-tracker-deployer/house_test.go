package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/builtins"
)

// longest is the number of lines above which a file has more than one subject.
const longest = 600

// TestFileLength keeps files at a length that can be read.
func TestFileLength(t *testing.T) {
	root := projectRoot(t)
	for _, file := range goFiles(t, root) {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(data, []byte("\n")); n > longest && !bytes.Contains(data, []byte("\n// Code generated ")) {
			t.Errorf("%s has %d lines, more than %d", file, n, longest)
		}
	}
}

// TestDocumented asks for a comment on at least 95 % of the exported names,
// and on every package.
func TestDocumented(t *testing.T) {
	root := projectRoot(t)
	names, missing := 0, []string{}
	packages := map[string]bool{}
	for _, file := range goFiles(t, root) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(file)
		packages[dir] = packages[dir] || f.Doc != nil
		for name, documented := range exported(f) {
			names++
			if !documented {
				missing = append(missing, file+": "+name)
			}
		}
	}
	for dir, documented := range packages {
		if !documented && dir != "." {
			t.Errorf("package %s has no comment", dir)
		}
	}
	if share := 100 * (names - len(missing)) / names; share < 95 {
		t.Errorf("%d %% of %d exported names are documented; these are not:\n%s", share, names, strings.Join(missing, "\n"))
	}
}

// exported returns the exported names of a file, and whether each has a
// comment. Constants and variables share that of their group.
func exported(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && receiverExported(d) {
				names[receiver(d)+d.Name.Name] = d.Doc != nil
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() {
						names[s.Name.Name] = d.Doc != nil || s.Doc != nil
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.IsExported() {
							names[n.Name] = d.Doc != nil || s.Doc != nil || s.Comment != nil
						}
					}
				}
			}
		}
	}
	return names
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

func receiverExported(d *ast.FuncDecl) bool {
	r := receiver(d)
	return r == "" || ast.IsExported(r)
}

// A task must not be called like a command, or it could not be run by its name.
func TestCommandsAreReserved(t *testing.T) {
	for _, name := range (&program{}).commandNames() {
		if !slices.Contains(builtins.Reserved(), name) {
			t.Errorf("a task may be called %q, which is a command", name)
		}
	}
}
