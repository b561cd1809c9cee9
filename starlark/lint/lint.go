// Package lint says what is allowed in an environment file but probably not
// meant.
//
// A [Rule] looks either at the text of a file or at the Environment that it
// evaluates to. [Rules] is the table of all of them; each has an explanation
// and two small files, one that it complains about and one that it does not,
// which the tests run. What a rule finds is a [Finding]: a problem with the
// code of its rule.
//
// A comment silences: "# lint: ignore CODE" at the end of a line is about that
// line, on a line of its own about the next one. Several codes are separated
// by commas, a reason follows behind a colon. A finding about an argument is
// silenced at the argument, at the call, and where that was called from.
package lint

import (
	"cmp"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A Source is a Starlark file of the project.
type Source struct {
	File  string // relative to the project root, as positions name it
	Text  []byte
	Entry bool // an environment file rather than a library
}

// A Finding is what a rule complains about.
type Finding struct {
	environments.Problem
	Code string `json:"code"`
}

// Check returns what the rules find, sorted by position. environment may be
// nil: then only the files are looked at. A file that cannot be parsed is an
// *eval.Error. Positions in files that are not among the sources are shown
// without their line and cannot be silenced there.
func Check(environment *environments.Environment, sources []Source) ([]Finding, error) {
	c := &checker{environment: environment, texts: map[string][]byte{}}
	for _, s := range sources {
		f, err := parse(s)
		if err != nil {
			return nil, err
		}
		c.files = append(c.files, f)
		c.texts[s.File] = s.Text
	}
	for _, r := range Rules() {
		c.rule = r
		if r.file != nil {
			for _, f := range c.files {
				r.file(c, f)
			}
		}
		if r.whole != nil && environment != nil {
			r.whole(c, environment)
		}
	}
	slices.SortStableFunc(c.findings, compare)
	return slices.CompactFunc(c.findings, func(a, b Finding) bool { return compare(a, b) == 0 }), nil
}

func compare(a, b Finding) int {
	return cmp.Or(a.Position.Compare(b.Position), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
}

// A checker collects findings.
type checker struct {
	environment *environments.Environment
	files       []*file
	texts       map[string][]byte
	rule        Rule // the one that looks
	findings    []Finding
}

// find records a finding, unless a comment at its position or at one of the
// others silences it.
func (c *checker) find(p environments.Problem, others ...environments.Position) {
	places := slices.Concat([]environments.Position{p.Position}, p.Calls, others)
	for _, f := range c.files {
		for _, at := range places {
			if at.File == f.File && slices.Contains(f.ignored[at.Line], c.rule.Code) {
				return
			}
		}
	}
	if !c.rule.discreet {
		problems := []environments.Problem{p}
		eval.AddSource(problems, c.texts)
		p = problems[0]
	}
	c.findings = append(c.findings, Finding{p, c.rule.Code})
}

// declared records a finding about an argument of what was declared: at the
// argument if it is written in the call, else at the call. inner is a call
// within the argument that is meant, by its name and first argument.
func (c *checker) declared(d environments.Declared, argument, message, hint string, inner ...string) {
	p := environments.Problem{Position: d.Position, Calls: d.Calls, Message: message, Hint: hint}
	for _, f := range c.files {
		if f.File == d.Position.File {
			p.Position = f.argument(d.Position, argument, inner)
		}
	}
	c.find(p, d.Position)
}
