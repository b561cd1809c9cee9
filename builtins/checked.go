package builtins

import (
	"fmt"
	"regexp"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func checkedValue() Builtin {
	return Builtin{
		Name: "checked", positional: 1,
		Doc:     "A value as it is, together with what is demanded of it: for libraries, which know what a program makes of its configuration. Text is looked at at once, a secret when it is read, before anything is touched; the error is where the secret is declared and does not show it.",
		Example: `checked(secret("TOKEN"), never = r"[0-9]+|true|false", reason = "the server would read it as a number or a truth")`,
		Parameters: []Parameter{
			{Name: "value", to: optional(demandable()), Example: `secret("TOKEN")`, Doc: "Text, a secret, or text with nothing but secrets in it; None is handed through."},
			{Name: "pattern", to: expression(), preset: starlark.String(""), Example: `r"[A-Za-z0-9]{8,}"`, Doc: "Regular expression (RE2) that has to match the whole value; empty demands nothing."},
			{Name: "never", to: expression(), preset: starlark.String(""), Example: `r"[0-9]+"`, Doc: "Regular expression (RE2) that must not match the whole value; empty demands nothing."},
			{Name: "reason", to: filled(), Example: `"the server would read it as a number"`, Doc: "What would go wrong, for the error."},
		},
		make: makeChecked,
	}
}

// expression takes a regular expression.
func expression() converter {
	return checked(text(), "regular expression", func(s string) error {
		if _, err := regexp.Compile(environments.Whole(s)); err != nil {
			return misfitf("%s is not a regular expression", quote(s)).withHint("the syntax is that of https://github.com/google/re2/wiki/Syntax")
		}
		return nil
	})
}

// demandable takes text that is known as soon as its secrets are.
func demandable() converter {
	return checked(value(), "text, may be secret", func(v environments.Value) error {
		for leaf := range v.Leaves() {
			if leaf.Kind != environments.Hidden {
				return misfitf("%s is known only in the middle of a run", describeLeaf(leaf)).withHint("what is checked is text and secrets")
			}
		}
		return nil
	})
}

func makeChecked(c *call) starlark.Value {
	d := environments.Demand{Pattern: get[string](c, "pattern"), Never: get[string](c, "never"), Reason: get[string](c, "reason")}
	if d.Pattern+d.Never == "" {
		c.problem("", "nothing is demanded", "give pattern or never")
		return nil
	}
	if c.given[0] == starlark.None {
		return starlark.None
	}
	d.Value = get[environments.Value](c, "value")
	if text, known := d.Value.Static(); known {
		if !d.Met(text) {
			c.problem("value", fmt.Sprintf("%s does not fit: %s", quote(text), d.Reason), "")
			return nil
		}
		return c.given[0]
	}
	for leaf := range d.Value.Leaves() {
		d.Position, d.Calls = leaf.Position, c.callsOf(leaf.Position)
		break
	}
	if !c.demanded(d) {
		c.Environment.Demands = append(c.Environment.Demands, d)
	}
	return c.given[0]
}

// demanded reports whether the same is demanded already: libraries are called
// more than once.
func (c *call) demanded(d environments.Demand) bool {
	for _, o := range c.Environment.Demands {
		if o.Position == d.Position && o.Pattern == d.Pattern && o.Never == d.Never && o.Reason == d.Reason && o.Value.String() == d.Value.String() {
			return true
		}
	}
	return false
}
