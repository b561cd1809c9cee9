package environments

import (
	"regexp"
	"slices"
	"strings"
)

// A Secret names a value that is read when it is needed and never stored in
// an Environment. At most one source is set; with none it is the environment
// variable that bears its name. Where a variable is unset, a value that the
// project's age file keeps counts.
type Secret struct {
	Declared
	Env      string   `json:"env,omitempty"`     // environment variable; "" = Name
	Command  []string `json:"command,omitempty"` // argv whose output is the value
	Generate bool     `json:"generate,omitempty"`
	Length   int      `json:"length,omitempty"` // characters of a generated value
}

// Source says in a word where the value comes from: generated, command or
// environment.
func (s Secret) Source() string {
	switch {
	case s.Generate:
		return "generated"
	case len(s.Command) > 0:
		return "command"
	}
	return "environment"
}

// Variable returns the environment variable that holds the value of a secret
// whose source is one.
func (s Secret) Variable() string {
	if s.Env != "" {
		return s.Env
	}
	return s.Name
}

// The attributes of a [Hidden] value, which differ only while the secret is
// being rotated.
const (
	Current  = ""    // what everything uses: Outgoing until the rotation is applied, Incoming from then on
	Outgoing = "old" // the value that goes
	Incoming = "new" // the value that comes
)

// A Demand is what a library asks of text with secrets in it: every leaf of
// Value is a secret. Patterns are of the whole text; empty ones demand nothing.
type Demand struct {
	Value    Value      `json:"value"`
	Pattern  string     `json:"pattern,omitempty"` // has to match
	Never    string     `json:"never,omitempty"`   // must not match
	Reason   string     `json:"reason"`
	Position Position   `json:"position"` // of the first secret
	Calls    []Position `json:"calls,omitempty"`
}

// Secrets returns the names of the secrets that d is about, each once.
func (d Demand) Secrets() []string {
	var names []string
	for leaf := range d.Value.Leaves() {
		if !slices.Contains(names, leaf.Name) {
			names = append(names, leaf.Name)
		}
	}
	return names
}

// Met reports whether text is as demanded.
func (d Demand) Met(text string) bool {
	fits := func(expression string) bool { return regexp.MustCompile(Whole(expression)).MatchString(text) }
	return (d.Pattern == "" || fits(d.Pattern)) && (d.Never == "" || !fits(d.Never))
}

// Whole returns the expression that matches where expression matches a text
// from its beginning to its end; a dot stands for a newline as well.
func Whole(expression string) string { return `\A(?s:` + expression + `)\z` }

// A Rotation moves a service that runs from one value of a secret to another.
// Apply, Verify and Finish are names of tasks on a host, "" for none; each may
// run again after it has succeeded.
type Rotation struct {
	Declared
	Secret string `json:"secret"`           // its name
	Apply  string `json:"apply"`            // before anything uses the new value
	Verify string `json:"verify,omitempty"` // when everything uses it
	Finish string `json:"finish,omitempty"` // makes the old one useless
}

// Rotation returns the rotation of a secret, false where none is declared.
func (e *Environment) Rotation(secret string) (Rotation, bool) {
	return find(e.Rotations, func(r Rotation) bool { return r.Secret == secret })
}

// Secret returns the secret called name.
func (e *Environment) Secret(name string) (Secret, bool) {
	return find(e.Secrets, func(s Secret) bool { return s.Name == name })
}

// rotations complains about secrets with two rotations.
func (c *checker) rotations() {
	for i, r := range c.e.Rotations {
		first := slices.IndexFunc(c.e.Rotations[:i], func(o Rotation) bool { return o.Secret == r.Secret })
		if first >= 0 {
			o := c.e.Rotations[first]
			c.problems = append(c.problems, Problem{Position: r.Position, Calls: r.Calls,
				Message: "rotation " + quoted(r.Name) + ": secret " + quoted(r.Secret) + " has rotation " + quoted(o.Name) + " already",
				Hint:    "it was declared first at " + o.Position.String()})
		}
		for _, step := range []struct{ field, task string }{{"apply", r.Apply}, {"verify", r.Verify}, {"finish", r.Finish}} {
			t, ok := c.e.Task(step.task)
			if !ok {
				continue // none, or one that is broken
			}
			what := "rotation " + quoted(r.Name) + ": " + step.field + ": task " + quoted(t.Name)
			switch {
			case t.Host == "":
				c.problems = append(c.problems, Problem{Position: r.Position, Calls: r.Calls,
					Message: what + " runs on the operator's computer", Hint: "give it a host: the steps of a rotation are taken where the service is"})
			case slices.ContainsFunc(t.Args, func(o Option) bool { return o.Default == nil }):
				c.problems = append(c.problems, Problem{Position: r.Position, Calls: r.Calls,
					Message: what + " has an argument without a default", Hint: "nobody is there to give it one"})
			}
		}
	}
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"` }
