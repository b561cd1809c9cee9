package diagram

// lanes returns the hosts in the order of declaration, "" for the operator's
// computer last, and the lane of each node.
func (d *Diagram) lanes() (names []string, of []int) {
	at := map[string]int{}
	local := false
	for _, n := range d.Nodes {
		if n.Host == "" {
			local = true
		} else if _, ok := at[n.Host]; !ok {
			at[n.Host] = len(names)
			names = append(names, n.Host)
		}
	}
	if local {
		at[""] = len(names)
		names = append(names, "")
	}
	of = make([]int, len(d.Nodes))
	for i, n := range d.Nodes {
		of[i] = at[n.Host]
	}
	return names, of
}
