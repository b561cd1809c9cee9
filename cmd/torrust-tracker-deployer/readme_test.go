package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A block is a fenced block of a Markdown file.
type block struct {
	language string
	line     int // of its first line of text, from 1
	text     string
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// readme returns README.md and its blocks.
func readme(t *testing.T) (string, []block) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(projectRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data), blocks(string(data))
}

func blocks(text string) []block {
	var list []block
	for _, at := range fenced.FindAllStringSubmatchIndex(text, -1) {
		list = append(list, block{
			language: text[at[2]:at[3]], text: text[at[4]:at[5]],
			line: 1 + strings.Count(text[:at[4]], "\n"),
		})
	}
	return list
}

// commands returns the command lines of a console block, without prompts and
// comments.
func (b block) commands() []string {
	var list []string
	for line := range strings.Lines(b.text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			command, _, _ = strings.Cut(command, " #")
			list = append(list, strings.TrimSpace(command))
		}
	}
	return list
}

// TestReadmeEnvironments validates every environment of the README, and
// deploys those that are on simulated machines alone.
func TestReadmeEnvironments(t *testing.T) {
	_, all := readme(t)
	environments, deployed := 0, 0
	for _, b := range all {
		if b.language != "python" && b.language != "starlark" {
			continue
		}
		environments++
		s := newSite(t, map[string]string{"readme.star": b.text})
		if r := s.run("validate", "readme"); r.code != 0 {
			t.Errorf("README.md:%d: %s", b.line, r)
			continue
		}
		if strings.Contains(b.text, "simulated(") && !strings.Contains(b.text, "existing(") && !strings.Contains(b.text, "qemu(") {
			deployed++
			s.want(0, "deploy", "readme")
			s.want(0, "plan", "readme", "--exit-code")
		}
	}
	if environments == 0 || deployed == 0 {
		t.Errorf("README.md has %d environments, %d of them on simulated machines alone: both are to be shown", environments, deployed)
	}
}

// TestReadmeCommands parses every command line of the README, in blocks and in
// running text.
func TestReadmeCommands(t *testing.T) {
	text, all := readme(t)
	targets := mageTargets(t)
	lines := map[string]bool{}
	for _, b := range all {
		switch b.language {
		case "console":
			if len(b.commands()) == 0 {
				t.Errorf("README.md:%d: a console block without a command", b.line)
			}
			for _, c := range b.commands() {
				lines[c] = true
			}
		case "python", "starlark", "text":
		default:
			t.Errorf("README.md:%d: a block in %q, which nobody tests", b.line, b.language)
		}
	}
	for _, m := range regexp.MustCompile("`((?:"+programName+"|go tool mage) [^`\n]+)`").FindAllStringSubmatch(text, -1) {
		lines[m[1]] = true
	}
	ours := 0
	for line := range lines {
		args := strings.Fields(line)
		var err error
		switch {
		case args[0] == programName:
			ours++
			if err = understood(args[1:]); declares(all, args[1]) {
				err = understood(append([]string{"deploy"}, args[2:]...)) // the flags of commands that run targets
			}
		case slices.Equal(args[:min(3, len(args))], []string{"go", "tool", "mage"}):
			if last := args[len(args)-1]; last != "-l" && !slices.Contains(targets, last) {
				err = fmt.Errorf("mage has no target %q, only %v", last, targets)
			}
		default:
			err = fmt.Errorf("a command that nobody tests")
		}
		if err != nil {
			t.Errorf("README.md: %q: %v", line, err)
		}
	}
	if ours == 0 {
		t.Error("README.md has no command line of the program")
	}
}

// declares reports whether an environment of the README has a task of that name.
func declares(all []block, name string) bool {
	return slices.ContainsFunc(all, func(b block) bool {
		return b.language == "python" && strings.Contains(b.text, "task(\n    name = \""+name+"\"")
	})
}

// understood parses a command line as far as it goes without an environment.
func understood(args []string) error {
	p := &program{}
	root := p.root()
	c, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if c == root {
		return fmt.Errorf("there is no command %q", args[0])
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	names := c.Flags().Args()
	if most, ok := map[string]int{"create": 1, "help": 2, "version": 1, "completion": 1}[c.Name()]; ok {
		return cobra.MaximumNArgs(most)(c, names)
	}
	if len(names) == 0 && !slices.Contains([]string{"list", "fmt", "lint", "stubs", "check"}, c.Name()) {
		return fmt.Errorf("no environment is named")
	}
	return nil
}

// TestReadmeTestsNotice makes sure that the tests above would.
func TestReadmeTestsNotice(t *testing.T) {
	for _, wrong := range []string{"deploi prod", "deploy prod --wetness", "plan", "create one two", "logs prod --tail"} {
		if understood(strings.Fields(wrong)) == nil {
			t.Errorf("%q is understood", wrong)
		}
	}
	got := blocks("a\n```python\nx = 1\n```\n```console\n$ run it # now\nit says\n$ and again\n```\n")
	if len(got) != 2 || got[0].line != 3 || got[0].text != "x = 1\n" || !slices.Equal(got[1].commands(), []string{"run it", "and again"}) {
		t.Errorf("blocks are %+v", got)
	}
}

// TestReadmeFirstSteps carries out what the README says to begin with, as far
// as it needs no machine.
func TestReadmeFirstSteps(t *testing.T) {
	text, all := readme(t)
	files := map[string]string{".keep": ""}
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		if m[1] != "prod.star" { // create makes it
			files[m[1]] = m[2]
		}
	}
	s := newSite(t, files)
	done := 0
	for _, b := range all {
		for _, line := range b.commands() {
			args := strings.Fields(line)
			if args[0] != programName || !slices.Contains([]string{"create", "validate", "list", "help", "version"}, args[1]) {
				continue
			}
			done++
			s.want(0, args[1:]...)
		}
	}
	if done < 2 {
		t.Errorf("README.md shows %d commands to begin with, want create and validate", done)
	}
}

var (
	// named is an environment file with its name.
	named = regexp.MustCompile("(?s)`environments/([a-z]+\\.star)`:\n\n```python\n(.*?)```")

	link = regexp.MustCompile(`\]\(([^):#]+)\)`)
	path = regexp.MustCompile("`([a-z][a-z/._-]*(?:/|\\.go))`")
)

// TestReadmePaths looks for the files and directories that the README names;
// in a line that names a directory, those in it as well.
func TestReadmePaths(t *testing.T) {
	text, _ := readme(t)
	count := 0
	for line := range strings.Lines(text) {
		within := []string{projectRoot(t)}
		for _, m := range append(link.FindAllStringSubmatch(line, -1), path.FindAllStringSubmatch(line, -1)...) {
			if m[1] == "bin/" { // made by a build
				continue
			}
			count++
			there := func(dir string) bool { _, err := os.Stat(filepath.Join(dir, m[1])); return err == nil }
			if !slices.ContainsFunc(within, there) {
				t.Errorf("README.md names %s, which is not there", m[1])
			}
			within = append(within, filepath.Join(within[0], m[1]))
		}
	}
	if count < 5 {
		t.Errorf("only %d paths are recognized", count)
	}
}

// mageTargets returns the targets of magefile.go as mage spells them.
func mageTargets(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(projectRoot(t), "magefile.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.IsExported() {
			list = append(list, lowerFirst(fn.Name.Name))
		}
	}
	return list
}
