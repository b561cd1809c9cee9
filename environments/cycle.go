package environments

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// cycles complains about each set of nodes that need each other, once, with
// the shortest path from its first node back to it.
func (c *checker) cycles() {
	if c.sorted() {
		return
	}
	left := c.peeled()
	if len(left) == 0 {
		return
	}
	edges, back := map[string][]string{}, map[string][]string{}
	for i, node := range c.order {
		edges[node] = c.edges[i]
		for _, t := range c.edges[i] {
			if left[node] {
				back[t] = append(back[t], node)
			}
		}
	}
	done := map[string]bool{}
	for _, start := range c.order {
		if !left[start] || done[start] {
			continue
		}
		path := around(edges, start)
		if path == nil {
			continue
		}
		forth, hither := reach(edges, start), reach(back, start)
		for node := range forth {
			done[node] = done[node] || hither[node]
		}
		c.problem(start, "needs itself: "+strings.Join(short(path), " -> "), c.circle(path))
	}
}

// longest is how many steps of a cycle are shown; of a longer one its ends.
const longest = 12

// short returns the ends of a list that is long.
func short(list []string) []string {
	if len(list) <= longest {
		return list
	}
	left := fmt.Sprintf("(%d more)", len(list)-longest+1)
	return slices.Concat(list[:longest/2], []string{left}, list[len(list)-longest/2+1:])
}

// circle says of every step of a cycle which field makes it, and where.
func (c *checker) circle(path []string) string {
	var steps []string
	for i, node := range path[:len(path)-1] {
		by := c.at(node).Position.String()
		if field := c.reason(node, path[i+1]); field != "" {
			by = field + " at " + by
		}
		steps = append(steps, fmt.Sprintf("%s needs %s by %s", node, path[i+1], by))
	}
	if len(steps) == 1 {
		return "take it away: " + steps[0]
	}
	return "take one away: " + strings.Join(short(steps), ", ")
}

// sorted reports whether every node comes after those it needs, as where only
// handles lead from one to another: there is no cycle then.
func (c *checker) sorted() bool {
	for i := range c.order {
		for _, t := range c.edges[i] {
			if c.rank[t] >= i && c.order[c.rank[t]] == t {
				return false
			}
		}
	}
	return true
}

// peeled returns the nodes that are left when those that need nothing are
// taken away again and again: none where there is no cycle.
func (c *checker) peeled() map[string]bool {
	left, needs, neededBy := make(map[string]bool, len(c.order)), make(map[string]int, len(c.order)), make(map[string][]string)
	for _, node := range c.order {
		left[node] = true
	}
	var free []string
	for i, node := range c.order {
		for _, t := range c.edges[i] {
			if left[t] {
				needs[node]++
				neededBy[t] = append(neededBy[t], node)
			}
		}
		if needs[node] == 0 {
			free = append(free, node)
		}
	}
	for len(free) > 0 {
		node := free[len(free)-1]
		free = free[:len(free)-1]
		delete(left, node)
		for _, n := range neededBy[node] {
			if needs[n]--; needs[n] == 0 {
				free = append(free, n)
			}
		}
	}
	return left
}

// reach returns every node that edges lead to from start, itself included.
func reach(edges map[string][]string, start string) map[string]bool {
	seen := map[string]bool{start: true}
	queue := []string{start}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		for _, t := range edges[node] {
			if !seen[t] {
				seen[t] = true
				queue = append(queue, t)
			}
		}
	}
	return seen
}

// around returns the shortest path from start back to it, or nil.
func around(edges map[string][]string, start string) []string {
	from := map[string]string{}
	queue := []string{start}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		for _, t := range edges[node] {
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
		for v := range e.resourceValues() {
			if !yield(v) {
				return
			}
		}
		for _, t := range e.Tasks {
			for v := range t.values() {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// resourceValues yields every value of services, files and probes.
func (e *Environment) resourceValues() iter.Seq[Value] {
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
		for _, v := range all {
			if !yield(v) {
				return
			}
		}
	}
}
