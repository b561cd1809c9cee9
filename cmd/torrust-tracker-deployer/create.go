package main

import (
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

// startingPoints are templates of environment files by provider.
//
//go:embed startingpoints/*.star
var startingPoints embed.FS

// createCommand writes an environment file to start from.
func (p *program) createCommand() *cobra.Command {
	var o createOptions
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Write a commented environment file to start from",
		Long: `create writes environments/NAME.star: a tracker on one machine, with an id of
its own and a comment on every choice. It overwrites nothing. Without a
directory environments here or above, it makes one here.`,
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("create takes one name").hint("usage: %s", c.UseLine())
			}
			o.Name = args[0]
			return p.create(o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := c.Flags()
	f.StringVar(&o.Provider, "provider", "qemu", "where the machine comes from: `qemu` (a virtual machine here) or existing")
	f.StringVar(&o.Address, "address", "203.0.113.10", "name or `ADDRESS` of an existing machine")
	f.StringVar(&o.User, "user", "root", "`USER` to log in to an existing machine as")
	return c
}

// createOptions fill the templates.
type createOptions struct {
	Name, ID, Provider, Address, User, Program string
}

func (p *program) create(o createOptions) error {
	text, err := startingPoints.ReadFile("startingpoints/" + o.Provider + ".star")
	if err != nil {
		return usage("unknown provider %q", o.Provider).hint("qemu or existing")
	}
	if err := checkName(o.Name); err != nil {
		return err
	}
	root, ok := p.project()
	if !ok {
		root = p.Dir
	}
	o.Program = programName
	o.ID = o.Name + "-" + strings.ToLower(rand.Text())[:8]
	var b strings.Builder
	if err := template.Must(template.New(o.Provider).Option("missingkey=error").Parse(string(text))).Execute(&b, o); err != nil {
		return err
	}
	file := filepath.Join(root, "environments", o.Name+".star")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	err = writeNew(file, b.String())
	if errors.Is(err, fs.ErrExist) {
		return usage("%s exists already", p.relative(file)).hint("choose another name, or edit it")
	}
	if err != nil {
		return err
	}
	if p.json {
		return writeDocument(p.Out, map[string]string{"file": file, "id": o.ID})
	}
	fmt.Fprintln(p.Out, p.relative(file))
	p.note("next: look through it, then `%s plan %s`", programName, o.Name)
	return nil
}

// checkName takes names that can stand in a path, an id and a compose
// project.
func checkName(name string) error {
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' }
	other := func(r rune) bool { return !letter(r) && (r < '0' || r > '9') && r != '-' }
	if name == "" || len(name) > 40 || !letter(rune(name[0])) || strings.ContainsFunc(name, other) {
		return usage("%q cannot be the name of an environment", name).
			hint("a name is at most 40 lower-case letters, digits and -, a letter first")
	}
	return nil
}

// writeNew makes file with text, whole or not at all; an existing one is
// fs.ErrExist.
func writeNew(file, text string) error {
	temp, err := os.CreateTemp(filepath.Dir(file), ".create-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(text)
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return os.Link(temp.Name(), file)
}

// relative returns a path as seen from the working directory where that is
// shorter.
func (p *program) relative(path string) string {
	rel, err := filepath.Rel(p.Dir, path)
	if err != nil || len(rel) > len(path) {
		return path
	}
	return rel
}
