package diagram

import (
	"slices"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
)

// A Run is when the nodes of a diagram were worked on.
type Run struct {
	Start time.Time   // of the node that began first
	End   time.Time   // of the node that ended last
	Nodes []tasks.Ran // in the order of their beginning
}

// Last notes when the nodes were worked on; what the diagram does not have is
// left out. Without any the diagram has no Run.
func (d *Diagram) Last(list []tasks.Ran) {
	d.Run = nil
	r := &Run{}
	for _, n := range list {
		if _, ok := d.index[n.Node]; !ok {
			continue
		}
		if r.Start.IsZero() || n.Start.Before(r.Start) {
			r.Start = n.Start
		}
		if n.End().After(r.End) {
			r.End = n.End()
		}
		r.Nodes = append(r.Nodes, n)
	}
	if len(r.Nodes) == 0 {
		return
	}
	slices.SortStableFunc(r.Nodes, func(a, b tasks.Ran) int { return a.Start.Compare(b.Start) })
	d.Run = r
}

// Critical returns the nodes that the run could not have ended without
// earlier, in their order: from the one that ended last, back by the
// dependency that ended last.
func (d *Diagram) Critical() []string {
	if d.Run == nil {
		return nil
	}
	ran := map[string]tasks.Ran{}
	last := d.Run.Nodes[0]
	for _, n := range d.Run.Nodes {
		ran[n.Node] = n
		if n.End().After(last.End()) {
			last = n
		}
	}
	var path []string
	for {
		path = append(path, last.Node)
		next, found := d.lastOf(last, ran)
		if !found {
			slices.Reverse(path)
			return path
		}
		last = next
	}
}

// lastOf returns what n needed, directly or through nodes that had nothing to
// do, and ended last.
func (d *Diagram) lastOf(n tasks.Ran, ran map[string]tasks.Ran) (last tasks.Ran, found bool) {
	seen := map[string]bool{}
	pending := []string{n.Node}
	for len(pending) > 0 {
		node, _ := d.Node(pending[0])
		pending = pending[1:]
		for _, e := range node.Needs {
			if seen[e.To] {
				continue
			}
			seen[e.To] = true
			if r, ok := ran[e.To]; !ok {
				pending = append(pending, e.To)
			} else if !found || r.End().After(last.End()) {
				last, found = r, true
			}
		}
	}
	return last, found
}
