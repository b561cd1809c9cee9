package diagram

import (
	"slices"

	"github.com/torrust/tracker-deployer/tasks"
)

// A Link is an edge with the node that it starts from.
type Link struct {
	From string
	tasks.Edge
}

// A Way is a list of links, each starting where the one before it leads.
type Way []Link

// manyWays is where counting ways ends.
const manyWays = 1000

// Ways returns the shortest ways by which from needs to: the first few of
// them, in the order of declaration, and how many there are, at most 1000.
// There is none where from does not need to, or is to.
func (d *Diagram) Ways(from, to string, few int) (ways []Way, count int) {
	start, ok1 := d.index[from]
	end, ok2 := d.index[to]
	if !ok1 || !ok2 || start == end {
		return nil, 0
	}
	far, order := d.distances(start)
	if far[end] < 0 {
		return nil, 0
	}
	counts := make([]int, len(d.Nodes))
	counts[start] = 1
	for _, i := range order {
		for _, e := range d.Nodes[i].Needs {
			if t, ok := d.index[e.To]; ok && far[t] == far[i]+1 {
				counts[t] = min(manyWays, counts[t]+counts[i])
			}
		}
	}
	d.walk(start, end, far, d.leading(end, far), nil, func(w Way) bool {
		ways = append(ways, slices.Clone(w))
		return len(ways) < few
	})
	return ways, counts[end]
}

// distances returns how many links lead from start to each node, -1 for none,
// and the nodes that are reached, nearest first.
func (d *Diagram) distances(start int) (far, order []int) {
	far = make([]int, len(d.Nodes))
	for i := range far {
		far[i] = -1
	}
	far[start] = 0
	order = []int{start}
	for next := 0; next < len(order); next++ {
		i := order[next]
		for _, e := range d.Nodes[i].Needs {
			if t, ok := d.index[e.To]; ok && far[t] < 0 {
				far[t] = far[i] + 1
				order = append(order, t)
			}
		}
	}
	return far, order
}

// leading returns the nodes that lie on a shortest way to end.
func (d *Diagram) leading(end int, far []int) map[int]bool {
	users := d.users()
	leads := map[int]bool{end: true}
	queue := []int{end}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, u := range users[i] {
			if far[u] >= 0 && far[u] == far[i]-1 && !leads[u] {
				leads[u] = true
				queue = append(queue, u)
			}
		}
	}
	return leads
}

// walk yields every shortest way from at to end, until yield returns false.
func (d *Diagram) walk(at, end int, far []int, leads map[int]bool, so Way, yield func(Way) bool) bool {
	if at == end {
		return yield(so)
	}
	for _, e := range d.Nodes[at].Needs {
		t, ok := d.index[e.To]
		if !ok || far[t] != far[at]+1 || !leads[t] {
			continue
		}
		if !d.walk(t, end, far, leads, append(so, Link{d.Nodes[at].ID, e}), yield) {
			return false
		}
	}
	return true
}
