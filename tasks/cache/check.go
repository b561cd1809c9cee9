package cache

import (
	"fmt"
	"slices"
	"time"
)

// Take makes the record of an action that is about to run: of everything that
// goes in. Its error is a missing tool, a missing input, or a file that cannot
// be read.
func (t *Tree) Take(r *Recipe) (*Record, error) {
	at := time.Now()
	facts, tools := t.facts(r)
	for i, path := range tools {
		if path == "" {
			return nil, &MissingToolError{Name: r.Tools[i]}
		}
	}
	rec := &Record{At: at, Ran: at, facts: facts, roots: r.roots()}
	var err error
	if rec.inputs, err = t.read(r.Inputs, true); err != nil {
		return nil, fmt.Errorf("inputs: %w", err)
	}
	for _, f := range rec.inputs {
		if !f.Identity.Exists() && !f.Follow && slices.Contains(r.Inputs, f.Path) {
			return nil, fmt.Errorf("input %q does not exist", f.Path)
		}
	}
	if rec.tools, err = t.read(tools, true); err != nil {
		return nil, fmt.Errorf("tools: %w", err)
	}
	return rec, nil
}

// Seal completes the record of an action that ended well: what came out, and
// whether what went in is still the same. Its error is an output that is not
// there or that cannot be read.
func (t *Tree) Seal(rec *Record, r *Recipe) error {
	for _, list := range [][]File{rec.inputs, rec.tools} {
		for _, f := range list {
			id, err := t.ask(f.key())
			if err != nil || id != f.Identity {
				rec.Stale = f.Path
			}
		}
	}
	var err error
	if rec.outputs, err = t.read(r.Outputs, false); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	for _, f := range rec.outputs {
		if !f.Identity.Exists() && slices.Contains(r.Outputs, f.Path) {
			return fmt.Errorf("output %q is not there after it ran", f.Path)
		}
	}
	return nil
}

// Check compares a recipe, and its files as they are, with a record; nil is no
// record.
func (t *Tree) Check(r *Recipe, old *Record) Verdict {
	if old == nil {
		return Verdict{Differences: []Difference{{What: "first run"}}}
	}
	c := checker{tree: t, old: old, fresh: *old}
	c.fresh.At = t.moment()
	facts, tools := t.facts(r)
	if facts != old.facts {
		c.found = append(c.found, compareFacts(old.facts, facts)...)
		c.fresh.facts = facts
	}
	roots := r.roots()
	if old.Stale != "" {
		c.found = append(c.found, Difference{What: fmt.Sprintf("%s %q", inputKind, old.Stale), Said: "changed while it ran"})
	}
	same := roots == old.roots
	c.fresh.roots = roots
	c.files(inputKind, old.inputs, &c.fresh.inputs, r.Inputs, same, true)
	c.files("tool", old.tools, &c.fresh.tools, tools, same && facts == old.facts, true)
	c.files("output", old.outputs, &c.fresh.outputs, r.Outputs, same, false)
	switch {
	case len(c.found) > 0:
		return Verdict{Differences: c.found}
	case !c.read && same:
		return Verdict{Record: old}
	}
	return Verdict{Record: &c.fresh, Verified: c.settled(), Moved: !same || c.moved()}
}

// A checker compares one record.
type checker struct {
	tree  *Tree
	old   *Record
	fresh Record
	read  bool // files had to be read
	found []Difference
}

// files compares the files of one kind. They are read where the recorded
// paths are not those of now, or where an identity is not to be trusted.
func (c *checker) files(kind string, old []File, fresh *[]File, paths []string, same, follow bool) {
	if same && c.trusted(old) {
		return
	}
	c.read = true
	for _, f := range old {
		if f.Identity.Settled(c.old.At) {
			c.tree.remember(f.key(), digested{f.Identity, f.Digest, c.old.At})
		}
	}
	now, err := c.tree.read(paths, follow)
	if err != nil {
		c.found = append(c.found, Difference{What: kind + "s", Said: "cannot be read: " + err.Error()})
		return
	}
	*fresh = now
	c.found = append(c.found, compareFiles(kind, old, now)...)
}

// trusted reports whether every file has its recorded identity, and that one
// says enough.
func (c *checker) trusted(files []File) bool {
	for i := range files {
		f := &files[i]
		id, err := c.tree.identity(f.Path, f.Follow)
		if err != nil || id != f.Identity || !id.Settled(c.old.At) {
			return false
		}
	}
	return true
}

// moved reports whether a file has another identity, with the same content.
func (c *checker) moved() bool {
	return !slices.Equal(c.old.inputs, c.fresh.inputs) || !slices.Equal(c.old.tools, c.fresh.tools) ||
		!slices.Equal(c.old.outputs, c.fresh.outputs)
}

// settled reports whether every identity will be trusted from now on.
func (c *checker) settled() bool {
	for f := range c.fresh.Files {
		if !f.Identity.Settled(c.fresh.At) {
			return false
		}
	}
	return true
}
