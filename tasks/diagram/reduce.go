package diagram

import (
	"cmp"
	"slices"
)

// reducible is the number of nodes above which no edge is looked for that
// others imply: the memory for it grows with the square.
const reducible = 16_000

// An arrow is an edge between two nodes, by index: from needs to.
type arrow struct {
	from, to int
	implied  bool // another way leads from from to to
}

// arrows returns the edges of the diagram in the order of its nodes.
func (d *Diagram) arrows() []arrow {
	var list []arrow
	reach := make([]bits, len(d.Nodes))
	for i, n := range d.Nodes {
		var own []arrow
		for _, e := range n.Needs {
			if to, ok := d.index[e.To]; ok {
				own = append(own, arrow{from: i, to: to})
			}
		}
		if len(d.Nodes) <= reducible {
			reach[i] = imply(own, reach)
		}
		list = append(list, own...)
	}
	return list
}

// imply marks what is implied among the edges of one node, and returns what
// they lead to. Nodes are ordered, dependencies first, so that what implies an
// edge leads to a later node than the edge itself.
func imply(own []arrow, reach []bits) bits {
	all := make(bits, len(reach)/64+1)
	order := make([]int, len(own))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(own[b].to, own[a].to) })
	for _, i := range order {
		to := own[i].to
		if all.has(to) {
			own[i].implied = true
			continue
		}
		all.add(to)
		all.join(reach[to])
	}
	return all
}

// bits are a set of small numbers.
type bits []uint64

func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bits) add(i int) { b[i/64] |= 1 << (i % 64) }

func (b bits) join(other bits) {
	for i, word := range other {
		b[i] |= word
	}
}
