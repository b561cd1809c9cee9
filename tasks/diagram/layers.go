package diagram

// layers returns how far right each node stands: behind everything that it
// needs. What needs nothing itself stands next to who needs it, or else at the
// left.
func (d *Diagram) layers(list []arrow) []int {
	layer := make([]int, len(d.Nodes))
	needs := make([]int, len(d.Nodes))
	for _, a := range list { // in the order of the nodes, dependencies first
		layer[a.from] = max(layer[a.from], layer[a.to]+1)
		needs[a.from]++
	}
	nearest := map[int]int{}
	for _, a := range list {
		if at, ok := nearest[a.to]; !ok || layer[a.from]-1 < at {
			nearest[a.to] = layer[a.from] - 1
		}
	}
	for i, at := range nearest {
		if needs[i] == 0 {
			layer[i] = at
		}
	}
	return layer
}
