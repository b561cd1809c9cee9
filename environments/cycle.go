package environments

import (
	"iter"
	"slices"
	"strings"
)

// cycles complains about each set of nodes that need each other, once, with
// the shortest path around.
func (c *checker) cycles() {
	done := map[string]bool{}
	for _, start := range c.order {
		if done[start] {
			continue
		}
		path := c.around(start)
		if path == nil {
			continue
		}
		for _, node := range path {
			done[node] = true
		}
		var where []string
		for _, node := range path[1 : len(path)-1] {
			where = append(where, subject(node)+" is at "+c.nodes[node].Position.String())
		}
		c.problem(start, "needs itself: "+strings.Join(path, " -> "), strings.Join(where, ", "))
	}
}

// around returns the shortest path from start back to it, or nil.
func (c *checker) around(start string) []string {
	from := map[string]string{}
	queue := []string{start}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		for _, t := range c.edges[node] {
			if t == start {
				path := []string{start}
				for n := node; n != start; n = from[n] {
					path = append(path, n)
				}
				path = append(path, start)
				slices.Reverse(path)
				return path
			}
			if _, seen := from[t]; !seen {
				from[t] = node
				queue = append(queue, t)
			}
		}
	}
	return nil
}

// refs yields every ref to a node.
func (e *Environment) refs(node string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for v := range e.values() {
			for leaf := range v.Leaves() {
				if leaf.Kind == Ref && leaf.Node == node && !yield(leaf) {
					return
				}
			}
		}
	}
}

// values yields every value of services, files, probes and tasks.
func (e *Environment) values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		var all []Value
		for _, s := range e.Services {
			all = append(all, slices.Concat(s.Command, values(s.Environment), values(s.Sysctls))...)
			for _, m := range s.Files {
				if m.Content != nil {
					all = append(all, *m.Content)
				}
			}
			if s.Extra != nil {
				all = append(all, Value{Kind: Encode, Data: s.Extra})
			}
		}
		for _, f := range e.Files {
			if f.Content != nil {
				all = append(all, *f.Content)
			}
		}
		for _, p := range e.Probes {
			for _, v := range []*Value{p.UDPTracker, p.HTTPTracker, p.HTTP, p.TCP} {
				if v != nil {
					all = append(all, *v)
				}
			}
			all = append(all, values(p.Expect.JSON)...)
		}
		for _, t := range e.Tasks {
			all = append(all, slices.Concat(append(t.Run, values(t.Env))...)...)
		}
		for _, v := range all {
			if !yield(v) {
				return
			}
		}
	}
}
