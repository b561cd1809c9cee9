package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
)

var (
	// secretName are the names of what is kept secret; not of where it is kept.
	secretName = regexp.MustCompile(`(?i)(?:^|[_.-])(?:password|passwd|passphrase|secret|token|api_?key|private_?key|access_?key|secret_?key)$`)

	// secretText is what a secret looks like wherever it stands.
	secretText = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1[A-Z0-9]{50,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[A-Za-z0-9_-]{20}\b|://[^/\s:@{}%]+:[^/\s:@{}%]+@`)
)

const secretHint = `use secret("NAME"), which reads it where it is needed, or secret("NAME", generate = True)`

// plainSecret finds literals that look like a secret, by the name that they
// are given or by themselves.
func plainSecret(c *checker, f *file) {
	named := map[syntax.Node]bool{} // reported by their name
	report := func(name string, value syntax.Expr) {
		if s, ok := text(value); ok && s != "" && !named[value] && secretName.MatchString(name) {
			named[value] = true
			c.find(environments.Problem{Position: f.at(value), Message: fmt.Sprintf("%s is written in the file", name), Hint: secretHint})
		}
	}
	syntax.Walk(f.tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.BinaryExpr:
			if kw, ok := keyword(n); ok {
				report(kw.X.(*syntax.Ident).Name, kw.Y)
			}
		case *syntax.DictEntry:
			if key, ok := text(n.Key); ok {
				report(key, n.Value)
			}
		case *syntax.AssignStmt:
			if id, ok := n.LHS.(*syntax.Ident); ok {
				report(id.Name, n.RHS)
			}
		case *syntax.Literal:
			if s, ok := text(n); ok && !named[n] && secretText.MatchString(s) {
				c.find(environments.Problem{Position: f.at(n), Message: "a key or a password is written in the file", Hint: secretHint})
			}
		}
		return true
	})
}

// shown are the compose keys whose values every user of the machine sees.
var shown = []string{"labels", "annotations", "entrypoint", "hostname", "domainname"}

// readableSecret finds secrets in what everybody on the machine can read.
func readableSecret(c *checker, e *environments.Environment) {
	for _, f := range e.Files {
		if f.Content != nil && f.Content.Secret() && readable(f.Mode) {
			c.declared(f.Declared, "mode", fmt.Sprintf("config_file %q holds a secret and has mode %s, which lets everybody read it", f.Name, f.Mode),
				`mode = "0600", or "0640" with the group that needs it`)
		}
	}
	for _, s := range e.Services {
		for _, m := range s.Files {
			if m.Content != nil && m.Content.Secret() && m.Mode != "" && readable(m.Mode) {
				c.declared(s.Declared, "files", fmt.Sprintf("compose_service %q: %s holds a secret and has mode %s, which lets everybody read it", s.Name, m.Path, m.Mode),
					"leave the mode out, which is 0600 for a secret, and set the owner")
			}
		}
		if s.Extra == nil {
			continue
		}
		for _, p := range *s.Extra.Map {
			value := environments.Value{Kind: environments.Encode, Data: &p.Value}
			if slices.Contains(shown, p.Key) && value.Secret() {
				c.declared(s.Declared, "extra", fmt.Sprintf("compose_service %q: %s holds a secret, and everybody on the machine can ask for it", s.Name, p.Key),
					"hand it over in files")
			}
		}
	}
}

// readable reports whether a mode lets everybody read.
func readable(mode string) bool {
	bits, err := strconv.ParseUint(strings.TrimSpace(mode), 8, 32)
	return err == nil && bits&0o004 != 0
}

// shownSecret finds secrets in the environment of containers.
func shownSecret(c *checker, e *environments.Environment) {
	for _, s := range e.Services {
		var names []string
		for _, v := range s.Environment {
			if v.Value.Secret() {
				names = append(names, v.Name)
			}
		}
		if len(names) > 0 {
			c.declared(s.Declared, "environment", fmt.Sprintf("compose_service %q: a secret is in the environment (%s), which docker inspect shows", s.Name, strings.Join(names, ", ")),
				"hand it over in a file, files = {PATH: mount(…, owner = …)}, where the image takes one")
		}
	}
}
