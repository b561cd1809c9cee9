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
	rec := &Record{At: at, Ran: at, facts: string(facts), roots: string(r.roots())}
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
	c, at := checker{tree: t, old: old}, t.moment()
	facts, tools := t.facts(r)
	known := string(facts) == old.facts
	if !known {
		c.found = append(c.found, compareFacts(old.facts, string(facts))...)
	}
	roots := r.roots()
	if old.Stale != "" {
		c.found = append(c.found, Difference{What: fmt.Sprintf("%s %q", inputKind, old.Stale), Said: "changed while it ran"})
	}
	same := string(roots) == old.roots
	inputs := c.files(inputKind, old.inputs, r.Inputs, same, true)
	programs := c.files("tool", old.tools, tools, same && known, true)
	outputs := c.files("output", old.outputs, r.Outputs, same, false)
	switch {
	case len(c.found) > 0:
		return Verdict{Differences: c.found}
	case !c.read && same:
		return Verdict{Record: old}
	}
	fresh := *old
	fresh.At, fresh.facts, fresh.roots = at, string(facts), string(roots)
	fresh.inputs, fresh.tools, fresh.outputs = inputs, programs, outputs
	return Verdict{Record: &fresh, Verified: fresh.settled(), Moved: !same || !fresh.alike(old)}
}

// A checker compares one record.
type checker struct {
	tree  *Tree
	old   *Record
	read  bool // files had to be read
	found []Difference
}

// files compares the files of one kind and returns them as they are. They are
// read where the recorded paths are not those of now, or where an identity is
// not to be trusted.
func (c *checker) files(kind string, old []File, paths []string, same, follow bool) []File {
	if same && c.trusted(old) {
		return old
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
		return nil
	}
	c.found = append(c.found, compareFiles(kind, old, now)...)
	return now
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

// alike reports whether every file has the same identity in both.
func (r *Record) alike(old *Record) bool {
	return slices.Equal(old.inputs, r.inputs) && slices.Equal(old.tools, r.tools) && slices.Equal(old.outputs, r.outputs)
}

// settled reports whether every identity will be trusted from now on.
func (r *Record) settled() bool {
	for f := range r.Files {
		if !f.Identity.Settled(r.At) {
			return false
		}
	}
	return true
}
