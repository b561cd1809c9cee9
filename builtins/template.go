package builtins

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"text/template"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func templateFile() Builtin {
	return Builtin{
		Name: "template", positional: 2,
		Doc:     "Text of a file of the project, a template of Go's text/template, filled with vars. A key that is missing is an error.",
		Example: `template("templates/site.conf", {"address": web.ipv4})`,
		Parameters: []Parameter{
			{Name: "path", to: relative(), Example: `"templates/site.conf"`, Doc: "The file, relative to the project's root."},
			{Name: "vars", to: dictionary(), Example: `{"address": web.ipv4}`, Doc: "What the template may name, as {{.address}}."},
		},
		make: func(c *call) starlark.Value {
			path, vars := get[string](c, "path"), get[environments.Data](c, "vars")
			content, err := c.Files.ReadFile(path)
			if err != nil {
				c.problem("path", "path: "+cause(err, path), "")
				return nil
			}
			if _, err := checkText(string(content)); err != nil {
				c.problem("path", "path: "+quote(path)+": "+err.Error(), "")
				return nil
			}
			v := environments.Value{Kind: environments.Template, Name: path, Text: string(content), Data: &vars, Position: c.pos}
			if _, err := template.New(path).Parse(v.Text); err != nil {
				c.problem("path", templateFault(err), "")
				return nil
			}
			if _, err := v.Render(placeholder); err != nil {
				c.problem("vars", templateFault(err), "")
				return nil
			}
			return c.deferred(v)
		},
	}
}

var missingKey = regexp.MustCompile(`^(\S+): executing .* at <.*>: map has no entry for key (".*")$`)

// templateFault words an error of text/template, which names the place in the
// template.
func templateFault(err error) string {
	s := strings.TrimPrefix(err.Error(), "template: ")
	if m := missingKey.FindStringSubmatch(s); m != nil {
		return fmt.Sprintf("vars: no key %s, which %s names", m[2], m[1])
	}
	return s
}

// cause says in a few words why a file of the project could not be read.
func cause(err error, path string) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return quote(path) + ": " + err.Error()
}
